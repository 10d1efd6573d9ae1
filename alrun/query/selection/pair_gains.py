"""Sparse pairwise gains for facility location."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alrun.query.selection.features import Features, slices

__all__ = ["Savings"]

_BLOCK_VALUES = 1 << 18
_ASKED = 128


class Savings:
    """For each row ``i`` the rows ``j`` that are nearer to it than its nearest chosen one, and by how much.

    As more rows are chosen, pairs only leave. So all gains can be kept up to date by looking at the pairs of the rows
    whose nearest chosen row has changed.

    Attributes:
        gains: What each row would spare all others, ``[N]`` ``float64``.
    """

    def __init__(self, features: Features, norms: Tensor, nearest: Tensor, most: int) -> None:
        """Look at all pairs; see ``made``."""
        self.gains = torch.zeros(len(features), dtype=torch.float64, device=features.device)
        self.counts = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        self.columns = torch.empty(most, dtype=torch.int32, device=features.device)
        self.spared = torch.empty(most, dtype=norms.dtype, device=features.device)
        self.lost = torch.zeros_like(norms)
        self.fits, end = True, 0
        for first in range(0, len(features), step := max(1, _BLOCK_VALUES // len(features))):
            rows = torch.arange(first, min(first + step, len(features)), device=features.device)
            found, columns, spared = _pairs(features, norms, nearest, rows)
            if end + len(columns) > most:
                self.fits = False
                return
            self.columns[end : end + len(columns)], self.spared[end : end + len(columns)] = columns, spared
            self.counts[rows] = torch.bincount(found, minlength=len(rows))
            self.gains.index_add_(0, columns, spared.double())
            end += len(columns)
        self.starts = self.counts.cumsum(0) - self.counts

    @classmethod
    def made(cls, features: Features, norms: Tensor, nearest: Tensor, most: int) -> Savings | None:
        """Return the savings, or ``None`` where there are more than ``most`` pairs, by all pairs of 128 rows.

        Args:
            features: ``N`` rows.
            norms: Their squared norms ``[N]``.
            nearest: Squared distance to the nearest chosen row, ``[N]`` ``float64``, finite.
            most: Pairs that may be held, at 8 bytes each.
        """
        asked = torch.linspace(0, len(features) - 1, min(_ASKED, len(features)), device=features.device).long()
        expected = len(_pairs(features, norms, nearest, asked)[1]) / len(asked) * len(features)
        if expected > most:
            return None
        found = cls(features, norms, nearest, most)
        return found if found.fits else None

    def update(self, rows: Tensor, less: Tensor) -> None:
        """Take off what ``rows`` ``[m]`` can be spared no more, as their nearest chosen row is nearer by ``less``."""
        counts = self.counts[rows]
        offsets = torch.arange(int(counts.sum()), device=rows.device) - (counts.cumsum(0) - counts).repeat_interleave(
            counts
        )
        pairs = self.starts[rows].repeat_interleave(counts) + offsets
        spared, lost = self.spared[pairs], self.lost[rows].repeat_interleave(counts)
        self.lost[rows] += less.to(self.lost)
        after = (spared - self.lost[rows].repeat_interleave(counts)).clamp_min_(0)
        change = after.double() - (spared - lost).clamp_min_(0).double()
        self.gains.index_add_(0, self.columns[pairs], change)


def _pairs(features: Features, norms: Tensor, nearest: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pairs of ``rows`` ``[m]``: places in ``rows``, ascending, the other row, and what it would spare."""
    few = features.take(rows)
    spared = norms.new_empty(len(rows), len(features))
    room = ((nearest[rows] - norms[rows]) / 2).to(norms).unsqueeze(1)
    for part in slices(features):
        torch.sub(few.products(features.part(part.start, part.stop)), norms[part] / 2, out=spared[:, part])
    spared += room
    if spared.device.type == "cpu":
        places = torch.from_numpy(np.flatnonzero(spared.numpy() > 0))
    else:
        places = (spared > 0).flatten().nonzero()[:, 0]
    return places // len(features), (places % len(features)).to(torch.int32), 2 * spared.flatten()[places]
