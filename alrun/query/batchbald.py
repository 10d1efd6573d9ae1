"""BatchBALD: the batch whose joint labels have the highest mutual information with the weights."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.query import scores
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.selection.batchbald import batchbald_gains
from alrun.query.selection.top_k import top_k

__all__ = ["BatchBald"]


class BatchBald(BatchQuery):
    """The batch with the highest mutual information of its labels and the weights, greedily (Kirsch et al. 2019).

    Unlike ``Bald`` it does not take rows that teach the same. See ``alrun.query.selection.batchbald``; the score of a
    row is what it adds, in nats. Holds the probabilities of the whole pool under each posterior sample.

    Args:
        max_samples: Rows a call.
        num_samples: Joint labels of the batch that are looked at: all while there are no more, then as many draws.
        max_candidates: Look only at so many rows, those that tell most by themselves (never fewer than the batch).
            It saves memory and little time, for rows that tell little are soon passed over; and the batch may be a
            worse one. ``None`` for all.

    Raises:
        ConfigError: A number is not positive.
    """

    requires_stochastic: ClassVar[bool] = True
    needs_outputs = True

    def __init__(self, max_samples: int, num_samples: int = 10_000, max_candidates: int | None = None) -> None:
        super().__init__(max_samples)
        problems = list(count_problems("query.batchbald.num_samples", num_samples, "query.batchbald.num_samples=10000"))
        if max_candidates is not None:
            key = "query.batchbald.max_candidates"
            problems += count_problems(key, max_candidates, f"{key}=10000, or null for no limit")
        raise_any(problems)
        self.num_samples, self.max_candidates = num_samples, max_candidates
        self._gains = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the positions ``[n]`` of the batch, most telling first."""
        samples = candidates.samples()
        kept = torch.arange(len(candidates), device=samples.device)
        if self.max_candidates is not None:
            kept = top_k(scores.bald(samples), max(self.max_candidates, n)).sort().values
        picks, self._gains = batchbald_gains(
            samples[:, kept], n, num_samples=self.num_samples, generator=self.generator()
        )
        return kept[picks]

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return what each pick adds to the mutual information, in nats."""
        gains: list[float] = self._gains.tolist()
        return gains
