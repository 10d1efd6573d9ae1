"""BatchBALD: greedy choice of the batch with the highest mutual information with the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.per_row import shannon
from alrun.query.selection.joint import Outcomes
from alrun.query.selection.top_k import top_k

__all__ = ["batchbald", "batchbald_gains"]

LEADERS = 64
ROUGH = 512
CERTAINTY = 4.0
ROUNDING = 1e-6
GATHERED_ROWS = 4096


def batchbald(probs: Tensor, n: int, *, num_samples: int = 10_000, generator: torch.Generator | None = None) -> Tensor:
    """Return the rows whose labels together tell most about the weights, greedily.

    Kirsch et al. (2019), "BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active Learning",
    algorithm 1. Each pick adds most to the mutual information of the labels picked and the weights: the entropy that
    the label of a row keeps, on average, when the labels picked before are known, minus the one that it keeps when the
    weights are. All joint labels of the picks are looked at while there are no more than ``num_samples``, then as many
    drawn ones: the same for all rows, and each pick prolongs those before. The draws are stratified, less noisy than
    the independent ones of the paper.

    What a row adds only falls from pick to pick, so that rows that added less before than the best adds now are not
    looked at again. Where joint labels are many, the others are first judged by some hundred of these, and those left
    out that are worse by four standard deviations of the error which that makes: the one step that is not exact. The
    work is in blocks; besides a few bytes per row it takes some tens of megabytes.

    Args:
        probs: Class probabilities of ``K`` posterior samples, ``[K, N, C]``.
        n: How many rows to pick.
        num_samples: How many joint labels are enough; at least one per posterior sample is drawn.
        generator: Where draws come from; needed once ``C ** n`` exceeds ``num_samples``.

    Returns:
        Rows ``[min(n, N)]`` ``int64``, in order of choice; the lowest of equals.

    Raises:
        StrategyError: A probability is NaN.
    """
    return batchbald_gains(probs, n, num_samples=num_samples, generator=generator)[0]


def batchbald_gains(
    probs: Tensor, n: int, *, num_samples: int = 10_000, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return what ``batchbald`` returns, and what each pick adds to the mutual information, in nats, like ``probs``."""
    outcomes = Outcomes.certain(len(probs), probs.device)
    search = _Search(probs, outcomes)
    picks = top_k(search.bounds, min(n, 1))
    gains = search.bounds[picks]
    while 0 < len(picks) < min(n, probs.shape[1]):
        search.bounds[picks[-1]] = -torch.inf
        outcomes = outcomes.joined(probs[:, picks[-1]], num_samples, generator)
        pick = search.best(outcomes)
        picks, gains = torch.cat([picks, pick]), torch.cat([gains, search.bounds[pick]])
    return picks, gains


class _Search:
    """Finds the row that adds most, looking at few.

    Attributes:
        bounds: What each row adds at most, ``[N]``; ``-inf`` for those that are picked.
    """

    def __init__(self, probs: Tensor, outcomes: Outcomes) -> None:
        self._probs = probs
        self._inherent = shannon(probs).mean(dim=0)
        self.bounds = self._gains(outcomes, torch.arange(probs.shape[1], device=probs.device))

    def best(self, outcomes: Outcomes) -> Tensor:
        """Return the row ``[1]`` that adds most to ``outcomes``; the bounds of all that come close are then exact."""
        order = self.bounds.argsort(descending=True, stable=True)
        order = order[self.bounds[order] > -torch.inf]
        tried = order[:LEADERS]
        best = self._tighten(outcomes, tried)
        rest = order[LEADERS:]
        rest = rest[self.bounds[rest] >= best - ROUNDING]
        if len(outcomes.chances) > 4 * ROUGH and len(rest) > LEADERS:
            rest = self._screened(outcomes, tried, rest)
        at = 0
        while at < len(rest) and self.bounds[rest[at]] >= best - ROUNDING:
            block = rest[at : at + max(LEADERS, at)]
            best = max(best, self._tighten(outcomes, block))
            at += len(block)
        tried = torch.cat([tried, rest[:at]]).sort().values
        return tried[top_k(self.bounds[tried], 1)]

    def _tighten(self, outcomes: Outcomes, rows: Tensor) -> float:
        self.bounds[rows] = self._gains(outcomes, rows)
        return float(self.bounds[rows].max())

    def _screened(self, outcomes: Outcomes, known: Tensor, rows: Tensor) -> Tensor:
        """Lower the bounds of ``rows`` by a look at some outcomes, and return them in the order of their bounds.

        How far that look errs is seen on the ``known`` rows, whose bounds are exact.
        """
        some = outcomes.thinned(ROUGH)
        errors = self._gains(some, known) - self.bounds[known]
        rough = self._gains(some, rows) - errors.mean() + CERTAINTY * errors.std()
        self.bounds[rows] = torch.minimum(self.bounds[rows], rough)
        return rows[self.bounds[rows].argsort(descending=True, stable=True)]

    def _gains(self, outcomes: Outcomes, rows: Tensor) -> Tensor:
        parts = [outcomes.entropies(self._probs[:, part]) for part in rows.split(GATHERED_ROWS)]
        return torch.cat(parts) - self._inherent[rows]
