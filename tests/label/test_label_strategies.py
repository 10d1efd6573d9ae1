"""Label strategies in a real driver."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.queues import FifoQueue
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.driver.driver import Driver
from alrun.label.base import BatchLabels, plain_targets
from alrun.label.function import Function
from alrun.label.noisy_oracle import NoisyOracle
from alrun.label.oracle import Oracle
from alrun.testing.host import NUM_CLASSES, NUM_FEATURES, hosted, response


class CountingQueue(FifoQueue):
    """Remembers how many answers came together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def put_many(self, items: Any) -> None:
        answers = list(items)
        self.batches.append(len(answers))
        super().put_many(answers)


def answers(strategy: Any, driver: Driver, items: Sequence[Any], queue: Any = None) -> list[Annotation]:
    strategy.attach(driver)
    queue = queue if queue is not None else FifoQueue()
    strategy(FifoQueue(items), queue)
    found: list[Annotation] = queue.to_list()
    return found


def pending(driver: Driver) -> list[int]:
    rows: list[int] = driver.unlabeled_pool.pending.tolist()
    return rows


def test_plain_targets_are_what_the_training_pool_takes() -> None:
    assert plain_targets(torch.tensor([2, 0])) == [2, 0]
    assert plain_targets(torch.tensor([[0.5], [2.0]])) == [0.5, 2.0]
    assert [row.tolist() for row in plain_targets(torch.tensor([[0.5, 1.0]]))] == [[0.5, 1.0]]


@pytest.mark.parametrize("task", list(Task))
def test_oracle_reveals_in_order_and_fits_the_training_pool(task: Task, tmp_path: Path) -> None:
    with hosted(tmp_path / "run", task) as driver:
        rows, queue = pending(driver), CountingQueue()
        found = answers(Oracle(cost=2.5, batch_size=8), driver, rows, queue)
        true = driver.unlabeled_pool.reveal(torch.tensor(rows))
        assert [answer.item for answer in found] == rows
        given = [torch.as_tensor(answer.target).tolist() for answer in found]
        assert given == (true.flatten() if task is Task.REGRESSION else true).tolist()
        assert {(answer.annotator, answer.cost, answer.status) for answer in found} == {("oracle", 2.5, "labelled")}
        assert queue.batches == [8] * (len(rows) // 8) + [len(rows) % 8]
        driver.training_pool.extend(found)
        size = len(driver.training_pool)
        assert driver.training_pool.targets(range(size - len(rows), size)).equal(true)


def test_oracle_skips_new_points(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        row = pending(driver)[0]
        new, known = answers(Oracle(), driver, [torch.zeros(NUM_FEATURES), row])
    assert (new.status, new.target, new.cost) == (LabelStatus.SKIPPED, None, 0.0)
    assert known.item == row
    assert isinstance(known.target, int)


def test_noise_is_the_same_in_every_step_and_follows_the_seed(tmp_path: Path) -> None:
    labels = {}
    for seed in (0, 1):
        for step in (1, 5):
            with hosted(tmp_path / f"{seed}-{step}") as driver:
                driver.experiment = replace(driver.experiment, settings=replace(driver.experiment.settings, seed=seed))
                driver.active_learning_step_idx = step
                labels[seed, step] = [a.target for a in answers(NoisyOracle(0.5), driver, pending(driver))]
                assert set(labels[seed, step]) <= set(range(NUM_CLASSES))
    assert labels[0, 1] == labels[0, 5] != labels[1, 1]


def test_confusion_replaces_the_flip_rate(tmp_path: Path) -> None:
    turn = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    with hosted(tmp_path / "run") as driver:
        rows = pending(driver)
        given = torch.tensor([a.target for a in answers(NoisyOracle(0.9, confusion=turn), driver, rows)])
        true = driver.unlabeled_pool.reveal(torch.tensor(rows))
    assert given.equal((true + 1) % NUM_CLASSES)


def test_regression_noise_is_gaussian(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", Task.REGRESSION, cold=True) as driver:
        rows = driver.unlabeled_pool.indices
        strategy = NoisyOracle(sigma=3.0)
        strategy.attach(driver)
        errors = (strategy.targets(rows) - driver.unlabeled_pool.reveal(rows)) / 3.0
    count = len(rows)
    assert abs(float(errors.mean())) < 4 / math.sqrt(count)
    assert abs(float(errors.square().mean()) - 1) < 4 * math.sqrt(2 / count)


def test_function_answers_rows_and_new_points_alike(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", Task.REGRESSION) as driver:
        rows = pending(driver)[:5]
        inputs = driver.unlabeled_pool.lookup(torch.tensor(rows))
        items = [rows[0], inputs[1].numpy(), *rows[2:4], inputs[4]]
        queue = CountingQueue()
        found = answers(Function(response, batch_size=2, cost=7.0), driver, items, queue)
    assert [answer.item is item for answer, item in zip(found, items, strict=True)] == [True] * 5
    assert [answer.target for answer in found] == pytest.approx(response(inputs).flatten().tolist())
    assert {(answer.annotator, answer.cost) for answer in found} == {("response", 7.0)}
    assert queue.batches == [2, 2, 1]


def test_function_points_fail_alone_with_the_reason(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", Task.REGRESSION) as driver:
        rows = pending(driver)[:10]
        inputs = driver.unlabeled_pool.lookup(torch.tensor(rows))

        def fragile(batch: torch.Tensor) -> torch.Tensor:
            if (batch == inputs[3]).all(dim=1).any():
                raise ArithmeticError("mesh collapsed")
            labels = response(batch)
            labels[(batch == inputs[6]).all(dim=1)] = math.inf
            return labels

        everything = answers(Function(fragile, batch_size=8), driver, rows)
        true = response(inputs).flatten().tolist()
    found = [one for one in everything if one.status is not LabelStatus.REJECTED]
    charged = [one.item for one in everything if one.status is LabelStatus.REJECTED]
    assert charged == rows[:8], "the evaluation that raised is charged"
    assert [i for i, answer in enumerate(found) if answer.status is LabelStatus.FAILED] == [3, 6]
    assert found[3].reason == "ArithmeticError: mesh collapsed"
    assert "inf" in found[6].reason
    good = [i for i in range(10) if i not in (3, 6)]
    assert [found[i].target for i in good] == pytest.approx([true[i] for i in good])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: torch.ones(len(x), 1, 1), r"labels \[3, 1, 1\] for inputs \[3, 5\]; expected \[3\] or \[3, 1\]"),
        (lambda x: torch.ones(len(x) + 1), r"labels \[4\] for inputs \[3, 5\]; expected \[3\] or \[3, 1\]"),
        (lambda x: torch.ones(len(x), 2), r"labels \[3, 2\] for"),
        (lambda x: 1.0, r"labels \[\] for"),
        (lambda x: "text", "returned str"),
        (lambda x: torch.ones(len(x)) * 1j, "complex labels"),
    ],
)
def test_function_with_useless_results_ends_the_run_at_once(answer: Any, said: str, tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(inputs: torch.Tensor) -> Any:
        calls.append(len(inputs))
        return answer(inputs) if len(calls) > 1 else response(inputs)

    queue = FifoQueue()
    with hosted(tmp_path / "run", Task.REGRESSION) as driver, pytest.raises(StrategyError, match=said):
        answers(Function(counted, batch_size=3, cost=2.0), driver, pending(driver)[:6], queue)
    assert calls == [3, 3], "it was evaluated again"
    assert [one.status for one in queue.to_list()] == ["labelled"] * 3 + ["rejected"] * 3
    assert sum(one.cost for one in queue.to_list()) == 2.0 * sum(calls)


@pytest.mark.parametrize(("size", "retries", "evaluations"), [(4, 0, 4), (4, 1, 8), (4, 3, 16), (1, 0, 4), (1, 3, 12)])
def test_function_evaluations_that_raise_are_charged_and_bounded(
    size: int, retries: int, evaluations: int, tmp_path: Path
) -> None:
    calls: list[int] = []

    def broken(inputs: torch.Tensor) -> Any:
        calls.append(len(inputs))
        raise ArithmeticError("mesh collapsed")

    with hosted(tmp_path / "run", Task.REGRESSION) as driver:
        found = answers(Function(broken, size, cost=2.0, retries=retries), driver, pending(driver)[:4])
    assert sum(calls) == evaluations
    assert sum(one.cost for one in found) == 2.0 * evaluations
    assert [one.status for one in found if one.status is not LabelStatus.REJECTED] == [LabelStatus.FAILED] * 4
    assert {one.reason for one in found} == {"ArithmeticError: mesh collapsed"}


def test_function_of_classes_gives_ints_and_fails_others(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        rows = pending(driver)[:5]
        values = iter([2.0, 0.5, 3.0, -1.0, math.nan])
        found = answers(Function(lambda x: [next(values) for _ in x]), driver, rows)
    assert found[0].target == 2
    assert isinstance(found[0].target, int)
    assert [answer.status for answer in found[1:]] == [LabelStatus.FAILED] * 4


def test_function_must_be_one() -> None:
    with pytest.raises(ConfigError, match="is not callable"):
        Function("branin")  # type: ignore[arg-type]
    for retries in (-1, True, 1.5):
        with pytest.raises(ConfigError, match="not a whole number of at least 0"):
            Function(response, retries=retries)  # type: ignore[arg-type]


def test_an_answer_short_is_an_error(tmp_path: Path) -> None:
    class Lazy(BatchLabels):
        def answer(self, items: list[Any]) -> list[Annotation]:
            return [Annotation(item, 0) for item in items[1:]]

    with (
        hosted(tmp_path / "run") as driver,
        pytest.raises(StrategyError, match="returned 2 answers to 3 requests"),
    ):
        answers(Lazy(batch_size=4, cost=1.0), driver, pending(driver)[:3])
