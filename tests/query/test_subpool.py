"""What a strategy on a part of the pool is shown, and what it picks of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from alrun.core.queues import FifoQueue
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.pool.foreign import among
from alrun.query.feature_query import FeatureQuery
from alrun.query.features.inputs import Inputs
from alrun.query.galaxy import Galaxy
from alrun.query.margin import Margin
from alrun.query.random import Random
from alrun.query.selection.k_center import k_center
from alrun.query.subpool import Subpool
from alrun.testing import QueryConformance
from alrun.testing.host import hosted
from alrun.testing.orders import permuted

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


def subset(driver: Driver, queued: Sequence[int] = ()) -> set[int]:
    """The rows that a strategy in a sub-pool is shown, by asking one that takes them all."""
    return set(sampled(Subpool(SIZE, Random(1), size=SIZE), driver, queued))


class TestSmallSubpool(QueryConformance):
    exact = True

    def strategy(self, max_samples: int) -> Any:
        return Subpool(max_samples, Galaxy(1), size=SIZE)


def test_the_strategy_chooses_among_the_subset_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        shown = subset(driver)
        ranked = sampled(Margin(len(driver.unlabeled_pool)), driver)
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
        driver.unlabeled_pool = permuted(driver.unlabeled_pool, seed=3)
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


def test_a_restricted_pool_is_a_pool(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        pool: Any = permuted(driver.unlabeled_pool, seed=1)
        rows = pool.indices[[4, 2, 9]]
        part = among(pool, rows)
        assert part.indices.tolist() == pool.indices[[2, 4, 9]].tolist()
        assert part.inputs([2, 0]).equal(pool.inputs([9, 2]))
        assert [datum.tolist() for datum in part] == part.inputs([0, 1, 2]).tolist()
        assert part.open_keys.tolist() == sorted(part.indices.tolist())


def test_a_part_answers_every_question_as_its_rows_do(tmp_path: Path) -> None:
    inputs = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    data = ArraySource(inputs, torch.arange(60) % 3, TaskSpec(Task.CLASSIFICATION, (3,), 3), embeddings=inputs * 2)
    with opened(tmp_path, cold=True, data=data) as driver:
        pool: Any = driver.unlabeled_pool
        every = torch.arange(3)
        for part in (
            among(pool, pool.indices[[2, 7, 11]]),
            permuted(pool, seed=1).part([4, 0, 9]),
            pool.part([9, 1, 5]),
        ):
            rows = part.indices
            assert part.inputs(every).equal(inputs[rows])
            assert part.shipped_embeddings(every).equal(2 * inputs[rows])  # type: ignore[union-attr]
            assert torch.stack([*part]).equal(inputs[rows])
            assert part.batch(every).equal(inputs[rows])
            assert part.part([2, 0]).indices.tolist() == rows[[2, 0]].tolist()
            assert part.open_keys.tolist() == sorted(rows.tolist())
            assert part.open_tasks(rows).all()
            assert len(part) == 3


def test_a_strategy_compares_the_rows_of_the_subset_by_their_own_embeddings(tmp_path: Path) -> None:
    inputs = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    spec = TaskSpec(Task.CLASSIFICATION, (4,), 3)
    data = ArraySource(inputs, torch.arange(200) % 3, spec, embeddings=inputs)
    strategy = FeatureQuery(1, features=Inputs(), selector=k_center)
    with opened(tmp_path, data=data) as driver:
        whole = driver.unlabeled_pool
        shown = subset(driver)
        inside = sampled(Subpool(6, strategy, size=SIZE), driver)
        driver.unlabeled_pool = among(whole, torch.tensor(sorted(shown)))
        strategy.max_samples = 6
        assert inside == sampled(strategy, driver)


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
