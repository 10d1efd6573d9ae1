"""How a batch is divided, and who picks what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alrun.core.queues import FifoQueue
from alrun.driver.driver import Driver
from alrun.query.entropy import Entropy
from alrun.query.margin import Margin
from alrun.query.mixture import Mixture
from alrun.query.random import Random
from alrun.testing.host import hosted


def sampled(strategy: Any, driver: Driver, queued: Sequence[Any] = ()) -> list[Any]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued))
    strategy(queue)
    return queue.to_list()[len(queued) :]


@contextmanager
def opened(directory: Path, **options: Any) -> Iterator[Driver]:
    with hosted(directory / f"run_{len(list(directory.iterdir()))}", **options) as driver:
        yield driver


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
