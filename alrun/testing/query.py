"""Conformance suite for query strategies."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from alrun.core.errors import StrategyError
from alrun.testing.orders import permuted
from alrun.testing.sampling import SamplingConformance, given_scores, sampled
from alrun.testing.watch import counted_forwards

__all__ = ["QueryConformance"]


class QueryConformance(SamplingConformance):
    """Examines a query strategy. Subclass it under a name that starts with ``Test`` and write ``strategy``."""

    def test_passes_over_what_is_queued(self, tmp_path: Path) -> None:
        """Several strategies may run into one queue: what is in it already is not enqueued again."""
        with self.host(tmp_path) as driver:
            queued = self.picks(driver, 10)
            more = self.picks(driver, 10, queued)
        assert more[: len(queued)] == queued, "changed what others had put in the queue"
        rows = [item for item in more if isinstance(item, int)]
        assert len(set(rows)) == len(rows), "enqueued a row that was in the queue already"

    def test_equal_scores_go_by_row_number(self, tmp_path: Path) -> None:
        """Where all scores are equal, the lowest row numbers are picked, ascending."""
        with self.host(tmp_path) as driver:
            _fill(driver.learner, 0.0)
            lowest = sorted(driver.unlabeled_pool.indices.tolist())[:15]
            driver.unlabeled_pool = permuted(driver.unlabeled_pool, seed=1)
            strategy = self.strategy(15)
            strategy.attach(driver)
            items, scores = sampled(strategy, []), given_scores(strategy)
        if len(scores) < len(items) or len(set(scores)) != 1:
            pytest.skip("its scores do not tie for equal predictions")
        assert items == lowest, f"picked {items} among equal scores"

    def test_refuses_predictions_that_are_nan(self, tmp_path: Path) -> None:
        """Where the learner's outputs are NaN, a strategy that looks at them raises ``StrategyError``."""
        with self.host(tmp_path) as driver, counted_forwards(driver.learner) as calls:
            _fill(driver.learner, math.nan)
            try:
                items = self.picks(driver, 5)
            except StrategyError:
                return
        assert not calls, f"picked {items} by outputs that are NaN"


def _fill(learner: torch.nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.fill_(value)
