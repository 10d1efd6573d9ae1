"""SoftrankBALD: rows sampled with probabilities that decrease with their rank by BALD score."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alrun.core.protocols.queue import AbstractQueue
from alrun.core.types import Prediction, QueryReport
from alrun.query.base import queued_rows
from alrun.query.histogram import histogram
from alrun.query.perturbed import PerturbedBald
from alrun.query.selection.top_k import top_k

__all__ = ["SoftrankBald"]


class SoftrankBald(PerturbedBald):
    """Chances proportional to ``rank ** -coldness``, the highest score having rank 1 (Kirsch et al. 2023, soft-rank).

    See ``PerturbedBald``. Equal scores are ranked by row number. Ranks need the scores of the whole pool: 16 bytes a
    row are held, where the others hold none.
    """

    def score(self, prediction: Prediction) -> Tensor:
        """Return the scores that are ranked: ``scores.bald``, ``[B]`` ``float64``."""
        return self.bald(prediction)

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the drawn rows in ``query_queue``, as python ints; rows that are in it already are not ranked.

        Raises:
            StrategyError: When a score is NaN, or inference gives one sample only.
        """
        self.report = QueryReport()
        pool = self.driver.unlabeled_pool
        if self.max_samples == 0 or len(pool) == 0:
            return
        chunks = [(self._scores(prediction), prediction.indices.cpu()) for prediction in self.driver.predictor(pool)]
        values, rows = torch.cat([values for values, _ in chunks]), torch.cat([rows for _, rows in chunks])
        fresh = (~torch.isin(rows, queued_rows(query_queue))).nonzero()[:, 0]
        fresh = fresh[rows[fresh].argsort()]
        values, rows = self._perturbed(values[fresh], rows[fresh]), rows[fresh]
        picks = top_k(values, self.max_samples)
        for row in rows[picks].tolist():
            query_queue.put(row)
        self.report = QueryReport(values[picks].tolist(), float(values.mean()), pool_scores=histogram(values))

    def _perturbed(self, values: Tensor, rows: Tensor) -> Tensor:
        """Return ``-coldness * log rank`` plus noise, for scores ``values`` of ascending ``rows``, ``[N]``."""
        ranks = torch.empty_like(values)
        ranks[values.argsort(descending=True, stable=True)] = torch.arange(1, len(values) + 1, dtype=values.dtype)
        return self.noise(rows) - self.coldness * ranks.log()
