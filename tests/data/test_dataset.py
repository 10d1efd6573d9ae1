"""Data of any type: how they are read, collated, moved, labeled and named."""

from __future__ import annotations

import pickle
import random
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from alrun.core.batches import batch_length, collated, move
from alrun.core.errors import ConfigError, DataError, StrategyError
from alrun.core.protocols.pool import DataPool
from alrun.core.reading import read
from alrun.core.request import parse
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, Task
from alrun.data.dataset import OwnDataset
from alrun.data.fingerprint import update
from alrun.driver.supply.loader import BatchLoader
from alrun.pool.pools import pools
from alrun.pool.training import TrainingPool

N = 40
Point = namedtuple("Point", "place weight")


class Dicts(Dataset[Any]):
    """Dicts with a random augmentation, a cheap uuid and cheap targets."""

    def __init__(self, count: int = N) -> None:
        self.targets = [index % 4 for index in range(count)]
        self.counted = 0

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.counted += 1
        noise = torch.randn(2) + random.random() + np.random.rand()  # noqa: NPY002, S311
        return {"x": torch.tensor([index, 1.0]) + noise, "text": f"datum {index}", "y": self.targets[index]}

    def uuid(self, index: int) -> str:
        return f"d-{index}"


class Plural(Dicts):
    """Gives several data at once."""

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        self.asked = indices
        return [Dicts.__getitem__(self, index) for index in indices]


class Pairs(Dataset[Any]):
    """``(x, y)`` with a regression target of two values."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index >= N:
            raise IndexError(index)
        x = torch.tensor([float(index), 1.0, 2.0])
        return x, x[:2] ** 2


@dataclass
class Mesh:
    """A datum of a type of its own."""

    uuid: str
    nodes: Tensor
    field: Tensor | None = None

    @classmethod
    def from_uuid(cls, uuid: str) -> Mesh:
        number = int(uuid[1:])
        return cls(uuid, torch.full((2 + number % 3, 2), float(number)), torch.tensor([float(number)]))

    @staticmethod
    def collate(meshes: list[Mesh]) -> dict[str, Any]:
        return {"nodes": torch.cat([mesh.nodes for mesh in meshes]), "sizes": [len(mesh.nodes) for mesh in meshes]}


class Meshes(Dataset[Any]):
    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> Mesh:
        return Mesh.from_uuid(f"m{100 + index}")


def dicts(dataset: Dicts | None = None, **options: Any) -> OwnDataset:
    return OwnDataset(dataset or Dicts(), target_field="y", **options)


def filled(source: OwnDataset, rows: int = 11) -> TrainingPool:
    pool = pools(source, Seeds(0)).training
    assert isinstance(pool, TrainingPool)
    pool.extend([Annotation(row, (row + 1) % 4) for row in range(rows)])
    return pool


def same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


class InPlace:
    """Moves itself and returns nothing."""

    device = "cpu"

    def to(self, device: Any) -> None:
        self.device = str(device)


def test_nested_batches_move_and_keep_their_types() -> None:
    own = InPlace()
    ordered = OrderedDict(first=torch.zeros(2))
    batch: dict[str, Any] = {
        "a": (torch.zeros(2), ["text", 3]),
        "b": Point(torch.ones(2), None),
        "c": own,
        "d": ordered,
    }
    moved = move(batch, "meta")
    assert moved["a"][0].device.type == moved["d"]["first"].device.type == moved["b"].place.device.type == "meta"
    assert moved["a"][1] == ["text", 3]
    assert (type(moved["a"]), type(moved["b"]), type(moved["d"])) == (tuple, Point, OrderedDict)
    assert moved["c"].device == "meta"
    assert batch["a"][0].device.type == ordered["first"].device.type == "cpu"


def test_a_batch_is_as_long_as_its_first_tensor_or_as_it_says() -> None:
    assert batch_length({"uuid": "abc", "x": [torch.zeros(7, 2)]}) == 7
    assert batch_length((torch.zeros(()), torch.zeros(3))) == 3
    assert batch_length(type("Graphs", (), {"num_graphs": 5, "__len__": lambda self: 2})()) == 5
    assert batch_length(type("Lines", (), {"__len__": lambda self: 2})()) == 2
    assert batch_length("text") == batch_length(object()) == 1


def test_the_collate_of_the_data_set_wins_over_that_of_the_datum_and_torchs() -> None:
    meshes = [Mesh.from_uuid("m1"), Mesh.from_uuid("m2")]
    assert collated(meshes)["sizes"] == [3, 4]
    assert collated(meshes, type("Own", (), {"collate": staticmethod(len)})()) == 2
    assert same(collated([{"x": 1.0}, {"x": 2.0}]), default_collate([{"x": 1.0}, {"x": 2.0}]))


def states() -> bytes:
    """Return the states of the global generators."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    return pickle.dumps((random.getstate(), numpy_state, torch.get_rng_state().tolist()))


def test_what_is_random_in_a_datum_belongs_to_the_datum_and_the_pass() -> None:
    dataset, before = Dicts(), states()
    together = read(dataset, [3, 5, 8], key=1)
    assert same(together[2], read(dataset, [8], key=1)[0])
    assert not same(together[2], read(dataset, [8], key=2)[0])
    assert states() == before


def test_batches_are_the_same_for_any_number_of_workers() -> None:
    found = []
    for workers in (0, 1, 2):
        loader = BatchLoader(filled(dicts(workers=workers)), 4, Seeds(3, 1, "training"))
        before = torch.get_rng_state()
        epochs = []
        for epoch in range(2):
            loader.set_epoch(epoch)
            epochs.append(list(loader))
        assert torch.equal(before, torch.get_rng_state())
        assert [batch_length(batch) for batch in epochs[0]] == [4, 4, 3]
        assert sorted(text for batch in epochs[1] for text in batch["text"]) == sorted(f"datum {i}" for i in range(11))
        found.append(epochs)
    assert same(found[0], found[1])
    assert same(found[0], found[2])
    assert not same(found[0][0], found[0][1])


def test_what_is_validated_on_is_collated_like_what_is_trained_on() -> None:
    source = dicts()
    pool: Any = pools(source, Seeds(0)).validation
    (batch,) = BatchLoader(pool, len(pool), None)
    assert batch["y"].tolist() == [source.dataset.targets[row] for row in pool.indices.tolist()]
    assert batch["x"].equal(source.batch(pool.indices, 0)["x"])


def test_a_plural_data_set_is_read_in_batches() -> None:
    dataset = Plural()
    loader = BatchLoader(filled(dicts(dataset)), 5)
    (first, *_) = loader
    assert dataset.asked == [5, 6, 7, 8, 9, 10]
    assert first["text"] == [f"datum {index}" for index in range(5)]


def test_a_pool_without_a_source_is_read_in_batches_too() -> None:
    batches = list(BatchLoader(Pairs(), 16))
    assert [len(x) for x, _ in batches] == [16, 16, 8]
    assert torch.equal(batches[2][1][-1], Pairs()[N - 1][1])


def test_bought_labels_replace_targets_in_their_own_form() -> None:
    pool = filled(dicts())
    assert isinstance(pool, DataPool)
    assert [datum["y"] for datum in pool] == [(row + 1) % 4 for row in range(11)]
    assert type(pool[0]["y"]) is int
    assert pool.targets([0, 3]).tolist() == [1, 0]
    assert "y" not in pool.inputs([0])
    source = OwnDataset(Pairs(), task="regression")
    assert (source.spec.input_shape, source.spec.num_outputs) == ((3,), 2)
    pairs = pools(source, Seeds(0)).training
    pairs.append(Annotation(2, torch.tensor([7.0, 8.0], dtype=torch.float64)))
    assert same(pairs[-1], (torch.tensor([2.0, 1.0, 2.0]), torch.tensor([7.0, 8.0])))


def test_with_target_of_the_data_set_wins() -> None:
    class Own(Dicts):
        def with_target(self, datum: Any, label: int) -> Any:
            return datum["text"], label * 10

    assert pools(OwnDataset(Own()), Seeds(0)).training is not None
    assert filled(OwnDataset(Own()))[2] == ("datum 2", 30)


def test_data_without_targets_become_pairs_when_they_are_labelled() -> None:
    source = OwnDataset([torch.tensor([float(row)]) for row in range(N)], num_outputs=4)
    assert same(filled(source)[1], (torch.tensor([1.0]), 2))
    with pytest.raises(StrategyError, match="no target of its own"):
        source.targets([0])


def test_classes_are_stratified_where_they_are_known_cheaply() -> None:
    source = dicts(test_size=8, validation_size=4)
    dataset = source.dataset
    dataset.counted = 0
    split = source.split(Seeds(5))
    assert (split.test % 4).bincount().tolist() == [2, 2, 2, 2]
    assert source.targets(split.validation).bincount().tolist() == [1, 1, 1, 1]
    assert dataset.counted == 0


def test_targets_to_measure_on_are_read_once() -> None:
    dataset = Dicts()
    source = dicts(dataset, num_outputs=4, test_size=10)
    source._targets = None
    test = pools(source, Seeds(0)).test
    assert test is not None
    dataset.counted = 0
    for _ in range(3):
        assert test.targets([3, 1]).tolist() == [int(test.indices[3]) % 4, int(test.indices[1]) % 4]  # type: ignore[attr-defined]
    assert dataset.counted == 2


def test_data_are_named_by_the_data_set_the_datum_or_their_row() -> None:
    assert dicts().names.uuids([3, 1]) == ["d-3", "d-1"]
    meshes = OwnDataset(Meshes(), task="regression", target_field="field")
    assert meshes.names.uuids([3]) == ["m103"]
    assert OwnDataset(Pairs(), task="regression").names.uuids([3]) == ["3"]
    assert (meshes.names.row_of("m104"), meshes.names.row_of("m7")) == (4, None)


def test_a_datum_that_the_data_set_does_not_hold_is_asked_for_by_its_uuid() -> None:
    made = pools(OwnDataset(Meshes(), task="regression", target_field="field"), Seeds(0))
    assert made.unlabeled is not None
    asked = [one.item for one in parse([Mesh.from_uuid(name) for name in ("m7", "m105")], made.unlabeled.source)]
    assert asked == ["m7", 5]
    assert made.unlabeled.uuids(asked) == ["m7", "m105"]
    assert made.unlabeled.gather(asked)["sizes"] == [3, 2]
    made.training.extend([Annotation(item, 0.5) for item in asked])  # type: ignore[attr-defined]
    assert [(mesh.uuid, mesh.field.item()) for mesh in made.training] == [("m7", 0.5), ("m105", 0.5)]
    with pytest.raises(StrategyError, match="from_uuid"):
        parse(["d-777"], dicts())


def test_the_digest_of_a_datum_sees_every_part_of_it() -> None:
    def digest(value: Any) -> str:
        found = sha256()
        update(found, value)
        return found.hexdigest()

    nested = Mesh("m1", torch.zeros(2, dtype=torch.bfloat16))
    other = Mesh("m1", torch.tensor([0, 1], dtype=torch.bfloat16))
    values = [
        nested,
        other,
        1,
        1.0,
        "1",
        [1],
        (1,),
        {"a": 1},
        {"b": 1},
        {1},
        None,
        torch.eye(2),
        torch.eye(2).to_sparse(),
    ]
    values += [torch.ones(3), torch.ones(3, 1), torch.ones(3).bool(), np.ones(3), torch.ones(3, dtype=torch.complex64)]
    digests = [digest(value) for value in values]
    assert digests == [digest(pickle.loads(pickle.dumps(value))) for value in values]  # noqa: S301
    assert len(set(digests)) == len(values) - 1, "a sparse tensor is its values"
    circle: list[Any] = []
    circle.append(circle)
    assert digest(circle)


def test_the_fingerprint_notices_changes_and_a_data_set_may_bring_its_own() -> None:
    assert dicts().fingerprint() == dicts().fingerprint()
    changed = Dicts()
    changed.targets[-1] = 0
    assert dicts(changed).fingerprint() != dicts().fingerprint()
    meshes = [Mesh.from_uuid(f"m{number}") for number in range(N)]
    options: dict[str, Any] = {"task": "regression", "target_field": "field", "fingerprint": "all"}
    before = OwnDataset(meshes, **options).fingerprint()
    meshes[17].nodes[0, 1] += 1
    assert OwnDataset(meshes, **options).fingerprint() != before
    named = type("Named", (Dicts,), {"fingerprint": "v1"})
    other = type("Named", (Dicts,), {"fingerprint": lambda self: "v2"})
    assert OwnDataset(named(), target_field="y").fingerprint() != OwnDataset(other(), target_field="y").fingerprint()


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (Dicts(), {}, "which field is the target"),
        (Pairs(), {}, "number of classes is unknown"),
        (Meshes(), {"task": "regression"}, "fields: uuid, nodes, field"),
        (Dicts(0), {"target_field": "y"}, "is empty"),
        (iter([1]), {}, "not a map-style"),
        (Dicts(), {"target_field": "y", "num_outputs": 3}, "not a class from 0 to 2"),
        (Dicts(), {"target_field": "y", "workers": -1}, "data.workers"),
        (Dicts(), {"target_field": "y", "labeled": [N]}, "no row 40"),
        (Dicts(), {"target_field": "y", "fingerprint": "none"}, "unknown fingerprint"),
        (Dicts(), {"target_field": "y", "task": "clustering"}, "unknown task"),
    ],
)
def test_what_cannot_be_used_is_told(dataset: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        OwnDataset(dataset, **options)


def test_wrong_labels_leave_no_trace() -> None:
    pool = filled(dicts())
    for annotation, message in (
        (Annotation(3, 1), "a label already"),
        (Annotation(N, 1), "not one of the data"),
        (Annotation(20, 4), "not a class"),
        (Annotation(torch.zeros(2), 1), "uuid"),
    ):
        with pytest.raises(StrategyError, match=message):
            pool.extend([Annotation(30, 1), annotation])
        assert len(pool) == 11
        assert len(pool.indices) == 11
    assert pool.spec.task is Task.CLASSIFICATION
    assert issubclass(DataError, ConfigError)
