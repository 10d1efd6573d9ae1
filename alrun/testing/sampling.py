"""Conformance checks of all strategies that fill the query queue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from alrun.core.needs import is_stateful, needs_of, report_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.queues import FifoQueue
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.testing.host import hosted, supported_task
from alrun.testing.orders import permuted
from alrun.testing.watch import generators_in_state, generators_untouched, learner_untouched

__all__ = ["SamplingConformance", "given_scores", "sampled"]


class SamplingConformance:
    """The checks that query and cold start strategies share.

    The data, task and inference are chosen by the strategy's class attributes ``tasks`` and ``requires_stochastic``;
    override ``host`` for others.

    Attributes:
        exact: Whether ``max_samples`` is a count; ``False`` for threshold methods, where it is an upper limit.
        cold: Whether to examine it as a cold start, before anything is labeled.
        task: What it is examined on; ``None`` for the first task among its ``tasks``.
    """

    exact: ClassVar[bool] = True
    cold: ClassVar[bool] = False
    task: ClassVar[Task | None] = None

    def strategy(self, max_samples: int) -> Any:
        """Return a new strategy, not attached, that enqueues ``max_samples`` samples per call."""
        raise NotImplementedError("write strategy(self, max_samples) in your subclass of the conformance suite")

    @contextmanager
    def host(self, directory: Path, seed: int = 0) -> Iterator[Driver]:
        """Open a new experiment below ``directory`` that is about to query."""
        probe = self.strategy(1)
        name = f"host_{len(list(directory.iterdir()))}"
        needs, place = needs_of(probe), directory / name
        parts: dict[str, Any] = {"stochastic": needs.stochastic, "needs": needs.learner}
        with hosted(place, self.task or supported_task(probe), cold=self.cold, seed=seed, **parts) as driver:
            yield driver

    def picks(self, driver: Driver, max_samples: int, queued: list[Any] | None = None) -> list[Any]:
        """Return what a new strategy, attached to ``driver``, puts in a queue that holds ``queued`` already."""
        strategy = self.strategy(max_samples)
        strategy.attach(driver)
        return sampled(strategy, queued or [])

    def test_declares_what_it_is(self) -> None:
        """It says that it is a query strategy, keeps ``max_samples`` and remembers its arguments."""
        strategy = self.strategy(3)
        assert strategy.__protocol_type__ == ActiveLearningPhase.QUERY
        assert strategy.max_samples == 3
        assert not strategy.is_attached
        assert strategy._args["__name__"] == type(strategy).__name__

    @pytest.mark.parametrize("max_samples", [0, 1, 7, "all", "more"])
    def test_honours_max_samples(self, tmp_path: Path, max_samples: int | str) -> None:
        """It enqueues exactly ``max_samples`` (at most, for threshold methods), and all when there are fewer."""
        with self.host(tmp_path) as driver:
            size = len(driver.unlabeled_pool)
            wanted = {"all": size, "more": size + 5}.get(str(max_samples), max_samples)
            count = len(self.picks(driver, int(wanted)))
        limit = min(int(wanted), size)
        assert count <= limit, f"enqueued {count} samples, more than {limit}"
        assert count == limit or not self.exact, f"enqueued {count} samples instead of {limit}"

    def test_picks_are_unique_rows_of_the_pool(self, tmp_path: Path) -> None:
        """It enqueues python ints, each once: rows that are neither labeled nor pending. Or inputs of new points."""
        with self.host(tmp_path) as driver:
            pool: Any = driver.unlabeled_pool
            items = self.picks(driver, 20)
            strangers = [item for item in items if not isinstance(item, int) and not isinstance(item, torch.Tensor)]
            assert not strangers, f"enqueued {type(strangers[0]).__name__}; put python ints or input tensors"
            rows = [item for item in items if isinstance(item, int)]
            assert len(set(rows)) == len(rows), "enqueued a row twice"
            taken = set(rows) & set(pool.labelled.tolist() + pool.pending.tolist())
            assert not taken, f"enqueued rows that are labeled or pending: {sorted(taken)}"
            assert set(rows) <= set(pool.indices.tolist()), "enqueued rows that the unlabeled pool does not hold"
            shapes = {tuple(item.shape) for item in items if isinstance(item, torch.Tensor)}
            assert shapes <= {pool.spec.input_shape}, f"enqueued new points of shape {shapes}"

    def test_leaves_the_pools_to_the_driver(self, tmp_path: Path) -> None:
        """It takes nothing out of the unlabeled pool and adds nothing to the training pool."""
        with self.host(tmp_path) as driver:
            pool, labelled = driver.unlabeled_pool, len(driver.training_pool)
            before = pool.indices.tolist()
            self.picks(driver, 5)
            assert driver.unlabeled_pool is pool
            assert pool.indices.tolist() == before
            assert len(driver.training_pool) == labelled

    def test_same_seed_same_picks(self, tmp_path: Path) -> None:
        """Two new experiments with one seed lead to the same picks in the same order."""
        for seed in (0, 1):
            with self.host(tmp_path, seed) as first, self.host(tmp_path, seed) as second:
                assert _plain(self.picks(first, 15)) == _plain(self.picks(second, 15)), "not a function of the seed"

    def test_keeps_off_the_global_generators(self, tmp_path: Path) -> None:
        """It neither moves the generators of python, numpy and torch, nor depends on where they stand."""
        picks = []
        for state in (1, 2):
            with self.host(tmp_path) as driver, generators_in_state(state), generators_untouched():
                picks.append(_plain(self.picks(driver, 15)))
        assert picks[0] == picks[1], "depends on a global generator; derive one from driver.seeds instead"

    def test_leaves_the_learner_as_it_was(self, tmp_path: Path) -> None:
        """Weights, buffers, training modes, ``requires_grad`` and gradients stay."""
        with self.host(tmp_path) as driver, learner_untouched(driver.learner):
            self.picks(driver, 15)

    def test_does_not_depend_on_the_order_of_the_pool(self, tmp_path: Path) -> None:
        """A pool in another order gives the same picks, up to rows whose scores are equal."""
        with self.host(tmp_path) as driver, self.host(tmp_path) as other:
            other.unlabeled_pool = permuted(other.unlabeled_pool, seed=1)
            strategies = self.strategy(15), self.strategy(15)
            chosen = []
            for strategy, host in zip(strategies, (driver, other), strict=True):
                strategy.attach(host)
                chosen.append(_plain(sampled(strategy, [])))
        if sorted(chosen[0]) != sorted(chosen[1]):
            scores = [sorted(given_scores(strategy)) for strategy in strategies]
            assert scores[0] == pytest.approx(scores[1], abs=1e-5), "picks depend on the order of the pool"
            assert scores[0], "picks depend on the order of the pool"

    def test_state_survives_a_round_trip(self, tmp_path: Path) -> None:
        """A strategy with ``state_dict`` goes on, in a new object that loads it, as the old one would have."""
        strategy, heir = self.strategy(5), self.strategy(5)
        if not is_stateful(strategy):
            pytest.skip("state_dict() is empty")
        with self.host(tmp_path) as driver:
            strategy.attach(driver)
            heir.attach(driver)
            sampled(strategy, [])
            heir.load_state_dict(strategy.state_dict())
            assert _plain(sampled(strategy, [])) == _plain(sampled(heir, [])), "state_dict does not hold all state"


def sampled(strategy: Any, queued: list[Any]) -> list[Any]:
    """Return what is in a queue that held ``queued`` after ``strategy`` has run."""
    queue = FifoQueue(queued)
    strategy(queue)
    return queue.to_list()


def _plain(items: list[Any]) -> list[Any]:
    return [item.tolist() if isinstance(item, torch.Tensor) else item for item in items]


def given_scores(strategy: Any) -> list[float]:
    """Return the scores that ``strategy`` reports of its last picks, as far as it gives any."""
    return [score for score in report_of(strategy).scores if not math.isnan(score)]
