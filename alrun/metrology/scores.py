"""Histograms of the scores that a query strategy gave to the whole pool, and to what it picked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from alrun.core.types import Histogram
from alrun.metrology.base import Metrology

__all__ = ["Scores", "in_bins"]


def in_bins(scores: Sequence[float], bins: Histogram) -> list[int]:
    """Return how many of ``scores`` lie in each of ``bins``; those that are not finite or lie in none do not count."""
    counts = [0] * len(bins.counts)
    for score in scores:
        place = math.floor(math.ldexp(score, -bins.exponent)) - bins.first if math.isfinite(score) else -1
        if 0 <= place < len(counts):
            counts[place] += 1
    return counts


class Scores(Metrology):
    """Histograms of scores, for the report; no metric.

    Of each strategy that scores, each step has ``{"scores": {"step", "labels", "strategy", "start", "width", "pool",
    "picks"}}``: ``pool`` and ``picks`` are counts in the same bins, 40 at most, of which the first begins at ``start``.
    ``step`` is that of the query, whose learner gave the scores; ``labels`` has the batch that was bought then. While a
    run has this strategy, its query phases keep the histogram of the pool.
    """

    needs_pool_scores: ClassVar[bool] = True

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Append the histograms of the last query."""
        step, labels = int(self.driver.active_learning_step_idx) - 1, int(self.driver.labels_bought)
        for report in self.driver.last_reports:
            bins = report.pool_scores
            if bins is None:
                continue
            width = math.ldexp(1.0, bins.exponent)
            found = {"step": step, "labels": labels, "strategy": report.strategy}
            found |= {"start": bins.first * width, "width": width}
            self.append({"scores": found | {"pool": list(bins.counts), "picks": in_bins(report.scores, bins)}})
