"""Requests that name one task of a row: counted, answered, learnt from and written down one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from driver_bench import Choose  # type: ignore[import-not-found]

from alrun.cold_start.random import Random as RandomStart
from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus, Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.label.function import Function
from alrun.label.noisy_oracle import NoisyOracle
from alrun.label.oracle import Oracle
from alrun.query.multitask import MultiTask
from alrun.query.random import Random
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted

PARTS = tuple(TaskPart(name, Task.CLASSIFICATION, size) for name, size in (("kind", 3), ("side", 2)))
SPEC = TaskSpec(Task.CLASSIFICATION, (5,), 5, tasks=PARTS)
INPUTS = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.stack([INPUTS[:, :3].argmax(dim=1), (INPUTS[:, 3] > 0).long()], dim=1)


def finished(folder: Path, *query: Any, partial: bool = True, steps: int = 3, **parts: Any) -> Driver:
    data = ArraySource(INPUTS, TARGETS, SPEC, partial_labels=partial)
    start = RandomStart(7)
    with hosted(
        folder, cold=True, data=data, cold_start=start, query=query, stopping=[Steps(steps + 1)], **parts
    ) as driver:
        driver.run()
        driver.experiment.ledger.write(driver.experiment.store.directory)
    return driver


def ledger(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "acquisitions.parquet")


@pytest.mark.parametrize("query", [MultiTask(6), Random(6), Choose(lambda driver: driver.unlabeled_pool.indices[:3])])
def test_requests_are_what_the_budget_counts_and_what_is_learnt(tmp_path: Path, query: Any) -> None:
    driver = finished(tmp_path / "run", query)
    bought = ledger(tmp_path / "run")
    assert len(bought) == driver.labels_bought == 7 + 3 * 6
    assert not bought.duplicated(["index", "task"]).any()
    for row, task, label in zip(bought["index"], bought["task"], bought["label"], strict=True):
        assert int(label) == TARGETS[row, ["kind", "side"].index(task)]
    known = torch.full_like(TARGETS, -1)
    known[bought["index"].tolist(), [["kind", "side"].index(task) for task in bought["task"]]] = 0
    pool: Any = driver.training_pool
    targets = pool.targets(torch.arange(len(pool)))
    rows = pool.indices
    assert torch.equal(targets, torch.where(known[rows] == 0, TARGETS[rows], -1))
    assert torch.equal(driver.unlabeled_pool.open_tasks(rows), targets == -1)


def test_a_cold_start_of_rows_buys_all_their_tasks_as_far_as_it_may(tmp_path: Path) -> None:
    finished(tmp_path / "run", Random(6), steps=1)
    first = ledger(tmp_path / "run").query("step == 0")
    assert len(first) == 7
    assert first.groupby("index")["task"].count().tolist().count(2) == 3


def test_two_strategies_share_the_queue(tmp_path: Path) -> None:
    finished(
        tmp_path / "run", MultiTask(4), Random(4), Choose(lambda driver: driver.unlabeled_pool.indices[:1]), steps=2
    )
    bought = ledger(tmp_path / "run").query("step > 0")
    assert not bought.duplicated(["index", "task"]).any()
    counts = bought.groupby("strategy")["task"].count()
    assert (counts["MultiTask"], counts["Random"]) == (8, 8)


class HalfDeaf(Oracle):
    """Gives no label for one of the tasks the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[Any] = set()

    def answer(self, items: list[Any]) -> list[Annotation]:
        answers = super().answer(items)
        for number, item in enumerate(items):
            if item[1] == "side" and item not in self.refused:
                self.refused.add(item)
                answers[number] = Annotation(item, status=LabelStatus.FAILED, reason="try again")
        return answers


def test_a_failed_request_is_open_again_and_the_other_task_stays_bought(tmp_path: Path) -> None:
    driver = finished(tmp_path / "run", Choose(lambda driver: driver.unlabeled_pool.indices[:2]), label=HalfDeaf())
    bought = ledger(tmp_path / "run")
    failed = bought[bought["status"] == "failed"]
    assert set(failed["task"]) == {"side"}
    assert (bought["status"] == "labelled").sum() == driver.labels_bought
    again = bought.merge(failed, on=["index", "task"]).query("status_x == 'labelled'")
    assert len(again) > 0


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda driver: [(int(driver.unlabeled_pool.indices[0]), 0)] * 2, r"Choose chose task 'kind' of row \d+ twice"),
        (lambda driver: driver.unlabeled_pool.labelled[:1].tolist(), "Choose chose task 'kind' of row .* is not in"),
        (lambda driver: [(int(driver.unlabeled_pool.indices[0]), "kin")], "no task 'kin'"),
        (lambda driver: [(int(driver.test_pool.indices[0]), "side")], "Choose chose task 'side' of row .* is not in"),
        (lambda driver: [torch.rand(5)], "row number"),
    ],
)
def test_requests_that_cannot_be_met_name_the_strategy(tmp_path: Path, choose: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        finished(tmp_path / "run", Choose(choose))


def test_a_pool_of_whole_rows_takes_no_pairs(tmp_path: Path) -> None:
    pair = Choose(lambda driver: [(int(driver.unlabeled_pool.indices[0]), 0)])
    with pytest.raises(StrategyError, match=r"Choose asks for one task(.|\n)*partial_labels=true"):
        finished(tmp_path / "run", pair, partial=False)


@pytest.mark.parametrize("partial", [True, False])
def test_noise_belongs_to_the_row_and_the_task(tmp_path: Path, partial: bool) -> None:
    driver = finished(tmp_path / "run", Random(80), partial=partial, label=NoisyOracle(0.5), steps=1)
    pool: Any = driver.training_pool
    rows, targets = pool.indices, pool.targets(torch.arange(len(pool)))
    noisy = NoisyOracle(0.5)
    noisy.attach(driver)
    given = noisy.targets(rows)
    assert torch.equal(torch.where(targets == -1, given, targets), given)
    wrong = (given != TARGETS[rows]).double().mean(dim=0)
    assert bool(((wrong > 0.2) & (wrong < 0.8)).all())
    assert bool((given[:, 0] < 3).all())
    assert bool((given[:, 1] < 2).all())


@pytest.mark.parametrize("partial", [True, False])
def test_a_function_answers_what_was_asked(tmp_path: Path, partial: bool) -> None:
    def both(inputs: torch.Tensor) -> torch.Tensor:
        labels = torch.stack([inputs[:, :3].argmax(dim=1), (inputs[:, 3] > 0).long()], dim=1).double()
        labels[inputs[:, 4] > 1, 1] = 2.0
        return labels

    driver = finished(tmp_path / "run", Random(80), partial=partial, label=Function(both), steps=1)
    bought = ledger(tmp_path / "run")
    refused = INPUTS[bought["index"].tolist(), 4] > 1
    expected = [bad and task != "kind" for bad, task in zip(refused.tolist(), bought["task"], strict=True)]
    assert any(expected)
    assert (bought["status"] == "failed").tolist() == expected
    pool: Any = driver.training_pool
    targets = pool.targets(torch.arange(len(pool)))
    assert torch.equal(torch.where(targets == -1, TARGETS[pool.indices], targets), TARGETS[pool.indices])
