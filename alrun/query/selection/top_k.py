"""The n best of many scores, at once or as they stream by."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError

__all__ = ["RunningTopK", "top_k"]


def _refuse_nan(scores: Tensor) -> None:
    bad = scores.isnan()
    if bad.any():
        first = int(bad.nonzero()[0])
        raise StrategyError(f"{int(bad.sum())} of {len(scores)} scores are NaN, the first at position {first}")


def _ranked(scores: Tensor, rows: Tensor, n: int) -> Tensor:
    """Return the positions of the ``n`` best, best first; equal scores stand in order of their ``rows``."""
    n = min(n, len(scores))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=scores.device)
    worst = scores.topk(n).values[-1]
    candidates = (scores >= worst).nonzero().squeeze(1)
    candidates = candidates[rows[candidates].argsort()]
    return candidates[scores[candidates].argsort(descending=True, stable=True)][:n]


def top_k(scores: Tensor, n: int) -> Tensor:
    """Return where the ``n`` largest scores are.

    Linear in the number of scores, up to a sort of what ties with the last one picked.

    Args:
        scores: ``[N]`` floats; infinities are allowed.
        n: How many to pick; more than ``N`` means all, less than one none.

    Returns:
        Positions ``[min(n, N)]`` ``int64``, largest score first; equal scores in order of position.

    Raises:
        StrategyError: When a score is NaN.
    """
    _refuse_nan(scores)
    return _ranked(scores, torch.arange(len(scores), device=scores.device), n)


class RunningTopK:
    """The ``n`` largest of all scores seen so far, in memory for ``n`` and one chunk.

    The result is the one of ``top_k`` over all scores together, whatever the chunks and their order: equal scores are
    ranked by row number, not by time of arrival.

    Example:
        >>> best = RunningTopK(2)
        >>> best.update(torch.tensor([0.1, 0.7]), torch.tensor([10, 11]))
        >>> best.update(torch.tensor([0.7, 0.2]), torch.tensor([4, 12]))
        >>> best.rows.tolist()
        [4, 11]
    """

    def __init__(self, n: int) -> None:
        """Keep ``n`` entries; none when ``n`` is zero or less."""
        self.n = max(n, 0)
        self.scores = torch.empty(0)
        self.rows = torch.empty(0, dtype=torch.int64)

    def update(self, scores: Tensor, rows: Tensor) -> None:
        """Take in one chunk: ``scores`` ``[B]`` and the row numbers ``[B]`` ``int64`` that they belong to.

        Raises:
            StrategyError: When a score is NaN.
        """
        _refuse_nan(scores)
        if self.n == 0 or len(scores) == 0:
            return
        if len(self.scores) == self.n:
            rival = scores >= self.scores[-1]
            scores, rows = scores[rival], rows[rival]
        scores = torch.cat([self.scores.to(scores), scores])
        rows = torch.cat([self.rows.to(rows.device), rows])
        kept = _ranked(scores, rows, self.n)
        self.scores, self.rows = scores[kept], rows[kept]
