"""Histogram of scores in one pass over chunks, of a bounded number of bins and a range that nobody knows before."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alrun.core.types import Histogram

__all__ = ["RunningHistogram", "histogram"]

MOST_BINS = 40
#: Scores that are counted at a time.
ROWS = 1 << 13
#: Bits of a score that can mean something: differences in those of a float that come after are rounding.
BITS = 20
#: Narrower bins have no edges in floats.
LEAST = -1000


class RunningHistogram:
    """Counts of scores in bins as wide as a power of two, whose edges are multiples of that width.

    The width is the smallest with which all scores so far lie in ``MOST_BINS`` bins; pairs of bins are merged where it
    grows, so that the counts are exact, and do not depend on the order of the chunks. Scores that are not finite do not
    count.
    """

    def __init__(self) -> None:
        """Begin without scores."""
        self._low, self._high = math.inf, -math.inf
        self._exponent, self._first = 0, 0
        self._counts = torch.zeros(0, dtype=torch.int64)
        self._waiting: list[Tensor] = []
        self._rows = 0

    def update(self, scores: Tensor) -> None:
        """Count ``scores``, ``[B]``, which stay as they are; many chunks are counted at a time, for speed."""
        self._waiting.append(scores)
        self._rows += len(scores)
        if self._rows >= ROWS:
            self._count()

    def _count(self) -> None:
        scores = torch.cat(self._waiting).cpu() if self._waiting else torch.empty(0)
        self._waiting, self._rows = [], 0
        values = scores[scores.isfinite()].double()
        if not len(values):
            return
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        exponent = _exponent(self._low, self._high)
        first, last = _place(self._low, exponent), _place(self._high, exponent)
        counts = torch.zeros(last - first + 1, dtype=torch.int64)
        if len(self._counts):
            before = (self._first + torch.arange(len(self._counts))) >> (exponent - self._exponent)
            counts.index_add_(0, before - first, self._counts)
        places = (values * math.ldexp(1.0, -exponent)).floor().long()
        counts += (places - first).bincount(minlength=len(counts))
        self._exponent, self._first, self._counts = exponent, first, counts

    def counted(self) -> Histogram | None:
        """Return what has been counted; ``None`` for nothing."""
        self._count()
        return Histogram(self._exponent, self._first, self._counts.tolist()) if len(self._counts) else None


def histogram(scores: Tensor) -> Histogram | None:
    """Return the histogram of ``scores``, ``[N]``."""
    counts = RunningHistogram()
    counts.update(scores)
    return counts.counted()


def _exponent(low: float, high: float) -> int:
    """Return the smallest width, as a power of two, that resolves no more than ``BITS`` and needs no more bins."""
    exponent = max(math.frexp(max(abs(low), abs(high)))[1] - BITS, LEAST)
    if high > low:
        exponent = max(exponent, math.frexp(high / MOST_BINS - low / MOST_BINS)[1] - 1)
    while _place(high, exponent) - _place(low, exponent) >= MOST_BINS:
        exponent += 1
    return exponent


def _place(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))
