"""Unknown rows: bought and kept, and neither trained nor measured on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from command_line import Alrun, only_run  # type: ignore[import-not-found]

from alrun.core.errors import StrategyError
from alrun.core.queues import FifoQueue
from alrun.core.request import request_of
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, Split, Task, TaskSpec
from alrun.data.digits import Digits
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.metrology.acquisition import Acquisition
from alrun.metrology.beliefs import Beliefs
from alrun.pool.pools import pools
from alrun.pool.training import TrainingPool
from alrun.pool.view import Change, viewed
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.features.inputs import Inputs
from alrun.testing.host import hosted
from alrun.transform.ood import OOD

WORDS = ["data=digits", "transform=ood", "transform.ood.unknown=0.5", "learner.hidden=[8]", "training.max_epochs=2"]
WORDS += ["progress=false", "initial_size=16", "query_size=16", "budget=48"]


def open_set() -> Any:
    """Return 60 rows of three classes, of which the second is unknown: the labels are 0, 2 and 1."""
    inputs = torch.arange(120.0).reshape(60, 2)
    data = ArraySource(inputs, torch.arange(60) % 3, TaskSpec(Task.CLASSIFICATION, (2,), 3), test_size=0.2)
    return OOD(["1"])(data, Seeds(0), "ood")


@contextmanager
def bought(place: Path, **parts: Any) -> Iterator[tuple[Driver, list[int], list[int]]]:
    """Open an experiment in which rows were bought; with the known and the unknown among them, in order."""
    data = open_set()
    with hosted(place, data=data, **parts) as driver:
        pool: Any = driver.training_pool
        status: Any = driver.experiment.status
        rows = status.labeled
        labels = data.targets(rows)
        yield driver, rows[labels < 2].tolist(), rows[labels == 2].tolist()
        assert pool.spec.num_outputs == 2


def test_a_run_pays_for_unknown_rows_and_learns_from_the_others(alrun: Alrun, tmp_path: Path) -> None:
    metrology = "metrology=[classification,acquisition,beliefs]"
    assert alrun(*WORDS, "query=margin", metrology, f"output_dir={tmp_path}").code == 0
    run = only_run(tmp_path)
    picks = pq.read_table(run / "acquisitions.parquet").to_pydict()
    unknown = sum(str(label) == "5" for label in picks["label"])
    assert len(picks["label"]) == 48
    assert 8 < unknown < 40
    records = pq.read_table(run / "records.parquet").to_pydict()
    last = {
        name: value
        for name, value, labels in zip(records["metric"], records["value"], records["labels"], strict=True)
        if labels == 48
    }
    assert last["count_pool_unknown"] == last["count_pool_ood"] == unknown
    assert sum(last[f"count_pool_{label}"] for label in range(5)) == 48 - unknown
    assert "count_pool_5" not in last
    weights = next(run.glob("checkpoints/step_3/training/weights.safetensors"))
    from safetensors.torch import load_file

    assert any(len(value) == 5 for value in load_file(weights).values())
    assert not any(len(value) == 6 for value in load_file(weights).values() if value.ndim)


def test_a_start_without_a_known_row_is_repeated(alrun: Alrun, tmp_path: Path) -> None:
    words = [*WORDS, "transform.ood.unknown=0.8", "initial_size=2", "query_size=2", "budget=10", "seed=1"]
    assert alrun(*words, "query=lfosa", f"output_dir={tmp_path}").code == 0
    picks = pq.read_table(only_run(tmp_path) / "acquisitions.parquet").to_pydict()
    labels = [int(label) for label in picks["label"]]
    assert labels[:2] == [2, 2]
    assert len(labels) == 10
    by = dict(zip(picks["step"], picks["strategy"], strict=True))
    started = next(place for place, label in enumerate(labels) if label < 2) // 2
    assert [by[step] for step in range(5)] == ["random"] * (started + 1) + ["lfosa"] * (4 - started)


def test_unknown_rows_are_set_apart_all_or_none() -> None:
    data = open_set()
    train = data.split(Seeds(0)).train
    labels = data.targets(train).tolist()
    known = [row for row, label in zip(train.tolist(), labels, strict=True) if label < 2]
    other = [row for row, label in zip(train.tolist(), labels, strict=True) if label == 2]
    pool = TrainingPool(data)
    pool.check([Annotation(known[0], 2), Annotation(other[0], 2)])
    with pytest.raises(StrategyError, match="not a class"):
        pool.check([Annotation(known[0], 3)])
    pool.add([request_of(row, data.spec) for row in (other[0], known[0], other[1])], [2, 1, 2])
    assert pool.indices.tolist() == [known[0]]
    assert pool.targets([0]).tolist() == [1]
    assert pool.unknown.tolist() == pool.newest_unknown.tolist() == other[:2]
    for again in (other[0], known[0]):
        with pytest.raises(StrategyError, match="has a label already"):
            pool.add([request_of(row, data.spec) for row in (known[1], again)], [0, 2])
    assert (len(pool), len(pool.unknown)) == (1, 2)
    pool.add([request_of(torch.zeros(2), data.spec), request_of(known[1], data.spec)], [2, 0])
    assert pool.indices.tolist() == known[:2]
    assert len(pool.newest_unknown) == 0
    assert len(pool.unknown) == 2


def test_unknown_rows_that_start_labeled_are_set_apart() -> None:
    before = open_set()
    split = before.split(Seeds(0))
    data = viewed(before, Change(Split(split.train, split.validation, split.test, split.train), "labeled"), Seeds(0))
    made = pools(data, Seeds(0))
    training: Any = made.training
    assert 2 not in training.targets(torch.arange(len(training)))
    assert len(training) + len(training.unknown) == len(split.train)
    assert (data.targets(training.unknown) == 2).all()


def test_candidates_hold_unknown_rows_where_that_is_asked_for(tmp_path: Path) -> None:
    seen: list[Candidates] = []

    class Looks(BatchQuery):
        features = Inputs(standardize=False)
        needs_labeled, needs_unknown = True, True

        def pick(self, candidates: Candidates, n: int) -> torch.Tensor:
            seen.append(candidates)
            return torch.arange(n)

    with bought(tmp_path) as (driver, known, unknown):
        query = Looks(3)
        query.attach(driver)
        queued = driver.unlabeled_pool.indices[:2].tolist()
        query.sample(FifoQueue(queued))
        (found,) = seen
        assert isinstance(found.features, torch.Tensor)
        inputs = driver.unlabeled_pool.source.inputs
        for positions, rows in ((found.labeled, known), (found.pending, queued), (found.unknown, unknown)):
            assert found.features[positions].equal(inputs(rows))
        assert len(unknown) > 2
        assert len(found.features) == len(found) + len(known) + 2 + len(unknown)


def test_beliefs_and_counts_of_a_batch_with_unknown_rows(tmp_path: Path) -> None:
    beliefs, counts = Beliefs(), Acquisition()
    with bought(tmp_path, metrology=[beliefs, counts]) as (driver, known, unknown):
        driver.state.last_batch = len(known) + len(unknown)
        beliefs.compute()
        counts.compute()
    assert beliefs.records[0]["beliefs"]["index"] == known
    values = {record["metric"]: record["value"] for record in counts.records}
    assert values["count_picks_ood"] == values["count_picks_unknown"] == len(unknown)
    assert values["count_picks_0"] + values["count_picks_1"] == len(known)


def test_rows_of_another_source_may_all_be_queried() -> None:
    other = ArraySource(torch.rand(30, 64), torch.arange(30) % 2, TaskSpec(Task.CLASSIFICATION, (64,), 2))
    view = OOD(source=other)(Digits(), Seeds(0), "ood")
    added = view._change.added
    assert added is not None
    assert len(added[0].split(Seeds(0)).train) == 30
    assert view.spec.num_outputs == 10
    assert view.spec.num_labels == 11
