"""Base of the batch strategies, which choose the rows of a batch jointly: gather, pick, enqueue, report."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from alrun.core.needs import needs_of, require_samples
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.seeding import Role
from alrun.core.types import QueryReport, Task
from alrun.query.base import checked_max_samples, queued_rows
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.gather import gather

__all__ = ["BatchQuery"]


class BatchQuery(QueryStrategy):
    """Picks a batch as a whole. Subclass it and write ``pick``.

    Attributes:
        tasks: Tasks that the strategy is defined for.
        requires_stochastic: Whether it needs several posterior samples.
        multi_task: Whether it is defined for several tasks at once.
        needs_outputs: Whether candidates are to carry what the learner predicts.
        needs_labeled: Whether candidates are to hold the labeled rows too.
        needs_unknown: Whether candidates are to hold the rows, too, that were bought and are of no class.
        features: What the rows are compared by; ``None`` where they are not.
        report: Scores of the last picks.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    requires_stochastic: ClassVar[bool] = False
    multi_task: bool = False
    needs_outputs: bool = False
    needs_labeled: bool = False
    needs_unknown: bool = False
    features: FeatureKind | None = None
    _args: dict[str, Any]

    def __init__(self, max_samples: int) -> None:
        """Pick ``max_samples`` rows per call, or as many as there are."""
        self.max_samples = checked_max_samples(max_samples)
        self.report = QueryReport()

    @abstractmethod
    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Choose ``n`` candidates, from 1 to as many as there are.

        Returns:
            Positions ``[<= n]`` ``int64`` below ``len(candidates)``, each once, most wanted first.
        """

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return a score for each of ``picks``, for the ledger; NaN where the strategy gives none."""
        return [float("nan")] * len(picks)

    def generator(self) -> torch.Generator:
        """Return the stream of this step, phase and strategy; the same one each time."""
        generator: torch.Generator = self.driver.seeds.torch(Role.QUERY, self.stream_name)
        return generator

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put a batch of rows of the unlabeled pool in ``query_queue``: python ints, most wanted first.

        Rows that are in the queue already are not chosen again; strategies that look at labeled rows count them
        among these.

        Raises:
            StrategyError: What the learner predicts is not finite, or posterior samples are needed and there are none.
        """
        self.report = QueryReport()
        if self.max_samples == 0 or len(self.driver.unlabeled_pool) == 0:
            return
        queued = queued_rows(query_queue)
        needs = needs_of(self)
        wanted = {"outputs": needs.outputs, "labeled": needs.labeled, "unknown": needs.unknown}
        candidates = gather(self.driver, queued, self.features, **wanted)
        require_samples(self, candidates.stochastic, self.strategy_name)
        n = min(self.max_samples, len(candidates))
        if n == 0:
            return
        picks = self.pick(candidates, n).cpu()
        for row in candidates.rows[picks].tolist():
            query_queue.put(row)
        self.report = QueryReport(self.picked_scores(candidates, picks))
