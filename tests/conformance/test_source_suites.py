"""The shipped suites of sources and pools, over every source in ``conf/data`` and all combinations, found by itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf

from alrun.config.paths import conf_dir
from alrun.core.types import Split
from alrun.data.dataset import OwnDataset
from alrun.data.moons import Moons
from alrun.pool.status import StatusTable
from alrun.pool.unlabeled import UnlabeledPool
from alrun.testing.pool import PoolConformance
from alrun.testing.source import SourceConformance


class Things:
    """Dicts with two targets and embeddings."""

    embeddings = np.arange(120.0).reshape(60, 2)

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": torch.full((2,), float(index)), "kind": index % 3, "side": index % 2}


def things() -> OwnDataset:
    return OwnDataset(Things(), tasks={"kind": 3, "side": 2})


def built(path: Path) -> Callable[[], Any]:
    node: Any = OmegaConf.load(path)
    arguments: Any = OmegaConf.to_container(node.data if "data" in node else node)
    source = get_class(arguments.pop("_target_"))
    return lambda: source(**{name: value for name, value in arguments.items() if name != "defaults"})


#: What needs files or a data set of the user's is examined in the folder of its room.
FILES = ("arrays", "table", "dataset", "embeddings", "idx", "image_folder", "text", "huggingface")
SOURCES = {path.stem: built(path) for path in (conf_dir() / "data").glob("*.yaml") if path.stem not in FILES}
SOURCES["things"] = things


def suites() -> dict[str, type]:
    found: dict[str, type] = {}
    for name, make in sorted(SOURCES.items()):
        title = name.title().replace("_", "")
        content = {"source": lambda _, make=make: make()}
        found[f"TestSource{title}"] = type(f"TestSource{title}", (SourceConformance,), content)
        for by_task, sold in product([False, True] if make().spec.tasks else [False], [False, True]):
            full = f"TestPools{title}{'ByTask' if by_task else 'ByRow'}{'Bought' if sold else 'Fixed'}"
            found[full] = type(full, (PoolConformance,), {**content, "by_task": by_task, "sell_validation": sold})
    return found


globals().update(suites())


def test_all_eight_combinations_are_examined() -> None:
    kinds = {
        (name.startswith("TestPoolsThings"), "ByTask" in name, "Bought" in name) for name in suites() if "Pools" in name
    }
    assert len(kinds) == 8


class Reordered(Moons):
    def targets(self, rows: Any) -> torch.Tensor:
        return super().targets(rows).flip(0)


class Beyond(Moons):
    def targets(self, rows: Any) -> torch.Tensor:
        return super().targets(rows) + 1


class Overlapping(Moons):
    def split(self, seeds: Any) -> Split:
        split = super().split(seeds)
        return Split(split.train, split.train[:2], split.test, split.labeled)


class Restless(Moons):
    calls = 0

    def fingerprint(self) -> str:
        Restless.calls += 1
        return str(Restless.calls)


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("test_a_row_is_the_same_by_itself_and_among_others", Reordered),
        ("test_targets_are_what_the_spec_says", Beyond),
        ("test_the_split_is_a_partition_by_seed", Overlapping),
        ("test_the_fingerprint_is_that_of_the_data", Restless),
    ],
)
def test_a_faulty_source_is_caught(check: str, kind: type[Moons]) -> None:
    suite: Any = type("Suite", (SourceConformance,), {"source": lambda _: kind(n_samples=300)})()
    with pytest.raises(AssertionError):
        getattr(suite, check)()


@pytest.mark.parametrize(
    ("check", "owner", "name", "wrong"),
    [
        (
            "test_a_part_answers_as_its_rows",
            UnlabeledPool,
            "shipped_embeddings",
            lambda self, positions: self.source.embeddings(torch.as_tensor(positions)),
        ),
        ("test_labels_come_where_they_belong", StatusTable, "give_back", lambda self, requests: None),
        ("test_bought_validation_stands_apart", StatusTable, "may_take", lambda self, requests: [True] * len(requests)),
    ],
)
def test_faulty_pools_are_caught(
    check: str, owner: type, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, wrong)
    suite: Any = type("Suite", (PoolConformance,), {"source": lambda _: things(), "sell_validation": True})()
    with pytest.raises(AssertionError):
        getattr(suite, check)()
