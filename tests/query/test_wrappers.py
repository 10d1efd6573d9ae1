"""Strategies that ask others: what is visible from outside, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alrun.core.errors import ConfigError
from alrun.core.queues import FifoQueue
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.driver.driver import Driver
from alrun.query.adversarial import Adversarial
from alrun.query.bald import Bald
from alrun.query.cal import Cal
from alrun.query.class_balanced import ClassBalanced
from alrun.query.margin import Margin
from alrun.query.mixture import Mixture
from alrun.query.multitask import MultiTask
from alrun.query.random import Random
from alrun.query.subpool import Subpool
from alrun.query.variance import Variance
from alrun.testing import QueryConformance
from alrun.testing.host import hosted

PARTS = tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("left", "right"))
SIZE = 30


def sampled(strategy: Any, driver: Driver, queued: Sequence[Any] = ()) -> list[Any]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued))
    strategy(queue)
    return queue.to_list()[len(queued) :]


@contextmanager
def opened(directory: Path, **options: Any) -> Iterator[Driver]:
    with hosted(directory / f"run_{len(list(directory.iterdir()))}", **options) as driver:
        yield driver


class TestBalancedSubpoolOfMixture(QueryConformance):
    def strategy(self, max_samples: int) -> Any:
        inner = Mixture(1, {"cal": Cal(1), "random": Random(1)}, {"random": 0.5})
        return ClassBalanced(max_samples, Subpool(1, {"mixture": inner}, fraction=0.7), factor=1.2)

    exact = False


def test_scores_pass_through(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        for wrapper in (Subpool(6, Margin(1), size=SIZE), ClassBalanced(6, Margin(1), factor=4)):
            rows = sampled(wrapper, driver)
            scores = dict(zip(sampled(margin := Margin(999), driver), margin.report.scores, strict=True))
            assert wrapper.report.scores == pytest.approx([scores[row] for row in rows])
            assert not math.isnan(wrapper.report.pool_mean)


def test_needs_of_the_inner_strategies_show() -> None:
    wrapper = Mixture(4, {"a": Bald(1), "b": Adversarial(1), "c": Subpool(1, Random(1), size=5)})
    assert wrapper.requires_stochastic
    assert wrapper.requires_learner == {"discriminator"}
    assert wrapper.tasks == {Task.CLASSIFICATION}
    assert not wrapper.multi_task
    free = Subpool(4, Random(1), size=5)
    assert (free.tasks, free.requires_stochastic, free.multi_task, free.requires_model) == (
        frozenset(Task),
        False,
        True,
        True,
    )


def test_states_of_the_inner_strategies_are_kept() -> None:
    class Counts(Random):
        seen = 0

        def state_dict(self) -> dict[str, int]:
            return {"seen": self.seen}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.seen = state["seen"]

    old, heir = Counts(1), Counts(1)
    old.seen = 7
    state = Mixture(2, {"a": old, "b": Margin(1)}).state_dict()
    Mixture(2, {"a": heir, "b": Margin(1)}).load_state_dict(state)
    assert heir.seen == 7


def test_strategies_that_ask_for_the_task_are_told() -> None:
    spec = TaskSpec(Task.REGRESSION, (5,), 2, tasks=PARTS)
    wrapper = ClassBalanced(3, Subpool(3, MultiTask(1, weights={"left": 2.0}), size=5))
    assert wrapper.strategies["Subpool"]._args["__args__"]["spec"] is None
    told = Subpool(3, {"inner": Subpool(3, MultiTask(1, weights={"left": 2.0}), size=5)}, size=5, spec=spec)
    inner: Any = told.strategies["inner"]
    assert inner.strategies["MultiTask"]._args["__args__"] == {
        **inner.strategies["MultiTask"]._args["__args__"],
        "spec": spec,
        "weights": {"left": 2.0},
    }
    with pytest.raises(ConfigError, match="no task"):
        Subpool(3, MultiTask(1, weights={"wrong": 2.0}), size=5, spec=spec)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Subpool(3, Random(1)), "size=10000"),
        (lambda: Subpool(3, Random(1), size=5, fraction=0.5), "either size or fraction"),
        (lambda: Subpool(3, Random(1), size=0), "0 is less than 1"),
        (lambda: Subpool(3, Random(1), fraction=1.5), "not above 0"),
        (lambda: Subpool(3, {"a": Random(1), "b": Random(1)}, size=5), "one strategy, not 2"),
        (lambda: ClassBalanced(3, Random(1), factor=0.5), "less than 1"),
        (lambda: ClassBalanced(3, Variance(1)), "does not support classification"),
        (lambda: Mixture(3, {}), "names no strategy"),
        (lambda: Mixture(3, {"a": object()}), "not a query strategy"),  # type: ignore[dict-item]
        (lambda: Mixture(3, {"a": Random(1)}, {"b": 1}), "no strategy 'b'"),
        (lambda: Mixture(3, {"a": Random(1)}, {"a": -1}), "not a finite number of at least 0"),
        (lambda: Mixture(3, {"a": Random(1)}, {"a": 0}), "all shares are 0"),
    ],
)
def test_what_they_refuse(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
