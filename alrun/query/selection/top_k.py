"""Top-k of many scores, at once or streamed."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError

__all__ = ["RunningTopK", "top_k"]

SPARE = 8192


def _refuse_nan(scores: Tensor) -> None:
    # The maximum is NaN where any score is, and takes a fifth of the time of looking at each.
    if len(scores) and scores.max().isnan():
        bad = scores.isnan()
        first = int(bad.nonzero()[0])
        raise StrategyError(f"{int(bad.sum())} of {len(scores)} scores are NaN, the first at position {first}")


def _ranked(scores: Tensor, rows: Tensor | None, n: int) -> Tensor:
    """Return the positions of the ``n`` best, best first; equal scores in order of ``rows``, or of position."""
    n = min(n, len(scores))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=scores.device)
    worst = scores.topk(n).values[-1]
    candidates = (scores >= worst).nonzero().squeeze(1)
    if rows is not None:
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
    return _ranked(scores, None, n)


class RunningTopK:
    """The ``n`` largest of all scores seen so far, in memory for ``2 n`` of them, some thousand more and one chunk.

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
        self._held = [(torch.empty(0), torch.empty(0, dtype=torch.int64))]
        self._surplus = 0
        self._bar = -torch.inf

    @property
    def scores(self) -> Tensor:
        """The largest scores, ``[min(n, seen)]``, descending."""
        return self._ranking()[0]

    @property
    def rows(self) -> Tensor:
        """The rows they belong to, ``[min(n, seen)]`` ``int64``."""
        return self._ranking()[1]

    def update(self, scores: Tensor, rows: Tensor) -> None:
        """Take in one chunk: ``scores`` ``[B]`` and the row numbers ``[B]`` ``int64`` that they belong to.

        Raises:
            StrategyError: When a score is NaN.
        """
        _refuse_nan(scores)
        if self.n == 0 or len(scores) == 0:
            return
        rival = (scores >= self._bar).nonzero().squeeze(1)
        self._held.append((scores[rival], rows[rival]))
        self._surplus += len(rival)
        if self._surplus >= max(self.n, SPARE) or self._bar == -torch.inf:
            self._ranking()

    def _ranking(self) -> tuple[Tensor, Tensor]:
        """Drop all but the ``n`` best; whatever comes later must reach the last of them."""
        if len(self._held) > 1:
            newest = self._held[-1][0]
            scores = torch.cat([held.to(newest) for held, _ in self._held])
            rows = torch.cat([held.to(newest.device) for _, held in self._held])
            kept = _ranked(scores, rows, self.n)
            self._held, self._surplus = [(scores[kept], rows[kept])], 0
            if len(kept) == self.n:
                self._bar = float(scores[kept[-1]])
        return self._held[0]
