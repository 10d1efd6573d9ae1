"""Base of the strategies that score rows: one streamed pass, a running top-k, a report."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import StrategyError
from alrun.core.needs import needs_of, require_samples
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.queues import queued_items
from alrun.core.request import restored
from alrun.core.types import Prediction, QueryReport, Task
from alrun.query.histogram import RunningHistogram
from alrun.query.selection.top_k import RunningTopK

__all__ = ["ScoreQuery", "checked_max_samples", "queued_rows"]


def checked_max_samples(max_samples: int) -> int:
    """Return ``max_samples``, or raise ``ConfigError`` when it is not a count."""
    raise_any(count_problems("max_samples", max_samples, "query_size=10", least=0))
    return max_samples


def queued_rows(queue: AbstractQueue[Any], pool: Any = None) -> Tensor:
    """Return the row numbers ``[q]`` that earlier strategies have put in ``queue`` (none if it cannot tell).

    Of a ``pool`` that sells labels by the task these are the keys of the requests.
    """
    items = queued_items(queue)
    if pool is not None and pool.by_task:
        keys: Tensor = pool.request_keys(items)
        return keys
    requests = restored(items)
    rows = [one.row for one in requests if one.row is not None and one.task is None]
    return torch.tensor(rows, dtype=torch.int64)


class ScoreQuery(QueryStrategy):
    """Picks the rows with the highest scores. Subclass it and write ``score``.

    Attributes:
        tasks: Tasks that the score is defined for.
        requires_stochastic: Whether the score needs several posterior samples.
        multi_task: Whether it is defined for several tasks at once.
        needs_embeddings: Whether predictions are to carry the latents of the rows.
        report: Scores of the last picks and the mean over the pool.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    requires_stochastic: ClassVar[bool] = False
    multi_task: ClassVar[bool] = False
    needs_embeddings: ClassVar[bool] = False
    _args: dict[str, Any]

    def __init__(self, max_samples: int) -> None:
        """Pick ``max_samples`` rows per call, or as many as there are."""
        self.max_samples = checked_max_samples(max_samples)
        self.report = QueryReport()

    @abstractmethod
    def score(self, prediction: Prediction) -> Tensor:
        """Return one score for each row of ``prediction``, ``[B]``, higher = more informative."""

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the best rows of the unlabeled pool in ``query_queue``: python ints, best first, ties by row number.

        Rows that are in the queue already are passed over.

        Raises:
            StrategyError: When a score is NaN, or there is not one for each row.
        """
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        best = RunningTopK(self.max_samples)
        queued, total, count = queued_rows(query_queue), 0.0, 0
        pool_scores = RunningHistogram()
        for prediction in self.driver.predictor(self.driver.unlabeled_pool, embeddings=needs_of(self).embeddings):
            scores, rows = self._scores(prediction), prediction.indices.cpu()
            total, count = total + float(scores.sum(dtype=torch.float64)), count + len(scores)
            pool_scores.update(scores)
            if len(queued):
                fresh = ~torch.isin(rows, queued)
                scores, rows = scores[fresh], rows[fresh]
            best.update(scores, rows)
        for row in best.rows.tolist():
            query_queue.put(row)
        mean = total / count if count else float("nan")
        self.report = QueryReport(best.scores.tolist(), mean, pool_scores=pool_scores.counted())

    def _scores(self, prediction: Prediction) -> Tensor:
        name = self.strategy_name
        require_samples(self, prediction.stochastic, name)
        scores = self.score(prediction).detach().cpu()
        if scores.shape != prediction.indices.shape:
            raise StrategyError(f"{name} gave scores {list(scores.shape)} for {len(prediction.indices)} rows")
        self.refuse_nan(scores, prediction.indices)
        return scores

    def refuse_nan(self, scores: Tensor, rows: Tensor) -> None:
        """Raise ``StrategyError`` when one of ``scores`` ``[B]`` is NaN, naming its row."""
        if scores.isnan().any():
            row, name = int(rows[scores.isnan().nonzero()[0, 0]]), self.strategy_name
            raise StrategyError(f"{name} scored row {row} as NaN: the outputs of the learner are not finite")
