"""Strategies that ask others: what they are shown, what is taken of it, and what is visible from outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.driver.queues import FifoQueue
from alrun.query.adversarial import Adversarial
from alrun.query.bald import Bald
from alrun.query.cal import Cal
from alrun.query.class_balanced import ClassBalanced, balanced
from alrun.query.entropy import Entropy
from alrun.query.galaxy import Galaxy
from alrun.query.margin import Margin
from alrun.query.mixture import Mixture, largest_remainder
from alrun.query.multitask import MultiTask
from alrun.query.random import Random
from alrun.query.restricted import restricted
from alrun.query.subpool import Subpool
from alrun.query.variance import Variance
from alrun.testing import QueryConformance
from alrun.testing.host import hosted
from alrun.testing.permuted import PermutedPool

SIZE = 30


def sampled(strategy: Any, driver: Driver, queued: Sequence[Any] = ()) -> list[Any]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued))
    strategy(queue)
    return queue.to_list()[len(queued) :]


def subset(driver: Driver, queued: Sequence[int] = ()) -> set[int]:
    """The rows that a strategy in a sub-pool is shown, by asking one that takes them all."""
    return set(sampled(Subpool(SIZE, Random(1), size=SIZE), driver, queued))


@contextmanager
def opened(directory: Path, **options: Any) -> Iterator[Driver]:
    with hosted(directory / f"run_{len(list(directory.iterdir()))}", **options) as driver:
        yield driver


class TestSmallSubpool(QueryConformance):
    exact = True

    def strategy(self, max_samples: int) -> Any:
        return Subpool(max_samples, Galaxy(1), size=SIZE)


class TestBalancedSubpoolOfMixture(QueryConformance):
    def strategy(self, max_samples: int) -> Any:
        inner = Mixture(1, {"cal": Cal(1), "random": Random(1)}, {"random": 0.5})
        return ClassBalanced(max_samples, Subpool(1, {"mixture": inner}, fraction=0.7), factor=1.2)

    exact = False


def test_the_strategy_chooses_among_the_subset_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        shown = subset(driver)
        ranked = sampled(Margin(len(driver.unlabeled_pool)), driver)  # type: ignore[arg-type]
        picks = sampled(Subpool(5, Margin(99), size=SIZE), driver)
        assert len(shown) == SIZE
        assert picks == [row for row in ranked if row in shown][:5] != ranked[:5]


def test_the_subset_belongs_to_seed_and_step_and_to_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path) as driver, opened(tmp_path, seed=1) as other:
        shown = subset(driver)
        assert shown != subset(other)
        driver.active_learning_step_idx += 1
        assert shown != subset(driver)
        driver.active_learning_step_idx -= 1
        driver.unlabeled_pool = PermutedPool(driver.unlabeled_pool, seed=3)
        assert shown == subset(driver)


def test_rows_that_are_queued_are_no_part_of_the_subset_but_can_be_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        queued = sorted(subset(driver))[:10]
        assert len(subset(driver, queued) - set(queued)) == SIZE
        seen: list[int] = []

        class Looks(Random):
            def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
                seen.extend(self.driver.unlabeled_pool.indices.tolist())

        sampled(Subpool(5, Looks(1), size=SIZE), driver, queued)
        assert set(queued) < set(seen)
        assert len(seen) == SIZE + 10


def test_a_fraction_of_the_pool_and_never_less_than_is_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        pool: Any = driver.unlabeled_pool
        counts = []

        class Counts(Random):
            def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
                counts.append(len(self.driver.unlabeled_pool))

        sampled(Subpool(5, Counts(1), fraction=0.25), driver)
        sampled(Subpool(40, Counts(1), size=7), driver)
        assert counts == [math.ceil(len(pool) / 4), 40]


def test_afterwards_the_strategy_sees_the_whole_pool_again(tmp_path: Path) -> None:
    inner = Margin(99)
    with opened(tmp_path) as driver:
        sampled(Subpool(5, inner, size=SIZE), driver)
        assert inner.driver is driver
        assert inner.max_samples == 99


def test_scores_pass_through(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        for wrapper in (Subpool(6, Margin(1), size=SIZE), ClassBalanced(6, Margin(1), factor=4)):
            rows = sampled(wrapper, driver)
            scores = dict(zip(sampled(margin := Margin(999), driver), margin.report.scores, strict=True))
            assert wrapper.report.scores == pytest.approx([scores[row] for row in rows])
            assert not math.isnan(wrapper.report.pool_mean)


def test_a_restricted_pool_is_a_pool(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        pool: Any = PermutedPool(driver.unlabeled_pool, seed=1)
        rows = pool.indices[[4, 2, 9]]
        part = restricted(pool, rows)
        assert part.indices.tolist() == pool.indices[[2, 4, 9]].tolist()
        assert part.inputs([2, 0]).equal(pool.inputs([9, 2]))
        assert [datum.tolist() for datum in part] == part.inputs([0, 1, 2]).tolist()
        assert not hasattr(part, "open_keys")


@given(
    st.lists(st.integers(0, 4), max_size=30),
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.integers(0, 35),
)
def test_balanced_takes_the_best_of_the_class_with_the_fewest_labels(
    classes: list[int], counts: list[int], n: int
) -> None:
    left, have = list(enumerate(classes)), list(counts)
    wanted: list[int] = []
    while left and len(wanted) < n:
        position, label = min(left, key=lambda candidate: (have[candidate[1]], candidate[0]))
        left.remove((position, label))
        have[label] += 1
        wanted.append(position)
    assert balanced(torch.tensor(classes, dtype=torch.int64), torch.tensor(counts), n) == wanted


def test_labelled_and_predicted_classes_come_out_even(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        learner, training = driver.learner, driver.training_pool
        labels = training.targets(torch.arange(len(training))).bincount(minlength=3)
        predictions = list(driver.predictor(driver.unlabeled_pool))
        guess = {
            row: int(output.argmax())
            for p in predictions
            for row, output in zip(p.indices.tolist(), p.outputs, strict=True)
        }
        ranked = sampled(Entropy(999), driver)
        picks = sampled(ClassBalanced(12, Entropy(1), factor=999), driver)
        assert learner is driver.learner
        wanted = balanced(torch.tensor([guess[row] for row in ranked]), labels, 12)
        assert picks == [ranked[position] for position in wanted]


def test_new_points_cannot_be_balanced(tmp_path: Path) -> None:
    class Invents(Random):
        def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
            query_queue.put(torch.zeros(5))

    with opened(tmp_path) as driver, pytest.raises(StrategyError, match="Tensor"):
        sampled(ClassBalanced(3, Invents(1)), driver)


@given(st.integers(0, 200), st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any))
def test_largest_remainder(count: int, weights: list[int]) -> None:
    shares = largest_remainder(count, [float(weight) for weight in weights])
    exact = [Fraction(count * weight, sum(weights)) for weight in weights]
    assert sum(shares) == count
    assert all(abs(share - part) < 1 for share, part in zip(shares, exact, strict=True))
    raised = [part - math.floor(part) for share, part in zip(shares, exact, strict=True) if share > part]
    lowered = [part - math.floor(part) for share, part in zip(shares, exact, strict=True) if share <= part]
    assert not raised or max(raised) >= min(raised) >= max(lowered) - Fraction(1, 10**9)


def test_each_strategy_gets_its_share_in_turn(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        first = sampled(Margin(6), driver)
        second = [row for row in sampled(Entropy(99), driver) if row not in first][:4]
        mixture = Mixture(10, {"a": Margin(1), "b": Entropy(1), "c": Random(1)}, {"a": 3, "b": 2, "c": 0})
        assert sampled(mixture, driver) == first + second
        assert len(mixture.report.scores) == 10


def test_what_one_leaves_the_next_one_takes(tmp_path: Path) -> None:
    class Few(Random):
        def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
            if self.max_samples:
                query_queue.put(int(self.driver.unlabeled_pool.indices[0]))

    with opened(tmp_path) as driver:
        mixture = Mixture(9, {"few": Few(1), "rest": Margin(1)}, {"few": 2})
        assert len(set(sampled(mixture, driver))) == 9


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


PARTS = tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("left", "right"))


def test_strategies_that_ask_for_the_task_are_told() -> None:
    spec = TaskSpec(Task.REGRESSION, (5,), 2, tasks=PARTS)
    wrapper = ClassBalanced(3, Subpool(3, MultiTask(1, weights={"left": 2.0}), size=5))
    assert wrapper.strategies["strategy"]._args["__args__"]["spec"] is None
    told = Subpool(3, {"inner": Subpool(3, MultiTask(1, weights={"left": 2.0}), size=5)}, size=5, spec=spec)
    inner: Any = told.strategies["inner"]
    assert inner.strategies["strategy"]._args["__args__"] == {
        **inner.strategies["strategy"]._args["__args__"],
        "spec": spec,
        "weights": {"left": 2.0},
    }
    with pytest.raises(ConfigError, match="no task"):
        Subpool(3, MultiTask(1, weights={"wrong": 2.0}), size=5, spec=spec)


def test_requests_by_the_task_in_a_subset(tmp_path: Path) -> None:
    parts = tuple(TaskPart(name, Task.CLASSIFICATION, 2) for name in ("kind", "side"))
    spec = TaskSpec(Task.CLASSIFICATION, (5,), 4, tasks=parts)
    inputs = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    data = ArraySource(inputs, (inputs[:, :2] > 0).long(), spec, partial_labels=True)
    with opened(tmp_path, cold=True, data=data) as driver:
        asked = sampled(Subpool(60, {"random": Random(1)}, size=60), driver)
        rows = {row for row, _ in asked}
        assert len(set(asked)) == 60
        assert len(rows) < 60
        assert rows <= {row for row, _ in sampled(Subpool(120, Random(1), size=60), driver)}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Subpool(3, Random(1)), "size=10000"),
        (lambda: Subpool(3, Random(1), size=5, fraction=0.5), "twice"),
        (lambda: Subpool(3, Random(1), size=0), "no subset"),
        (lambda: Subpool(3, Random(1), fraction=1.5), "no part"),
        (lambda: Subpool(3, {"a": Random(1), "b": Random(1)}, size=5), "one strategy, not 2"),
        (lambda: ClassBalanced(3, Random(1), factor=0.5), "less than 1"),
        (lambda: ClassBalanced(3, Variance(1)), "not for classes"),
        (lambda: Mixture(3, {}), "names no strategy"),
        (lambda: Mixture(3, {"a": object()}), "no query strategy"),  # type: ignore[dict-item]
        (lambda: Mixture(3, {"a": Random(1)}, {"b": 1}), "no strategy 'b'"),
        (lambda: Mixture(3, {"a": Random(1)}, {"a": -1}), "cannot be -1"),
        (lambda: Mixture(3, {"a": Random(1)}, {"a": 0}), "all shares are 0"),
    ],
)
def test_what_they_refuse(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
