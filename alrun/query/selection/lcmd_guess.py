"""Guess at the next picks of LCMD, from a small part of the rows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alrun.query.selection.clusters import Clusters

__all__ = ["forecast"]

HEAVY, SAMPLE, CROWD = 32, 2048, 1 << 15


def forecast(clusters: Clusters, count: int) -> list[int]:
    """Return up to ``count`` rows that are likely to be picked next, in the likely order.

    The picks are played through on the farthest rows of the heaviest clusters, and on a sample of the others that
    stands for their weights. Nothing but speed depends on it.

    Args:
        clusters: As they are.
        count: How many rows to name.
    """
    weights = clusters.weights[: len(clusters.centers)]
    heavy = weights.topk(min(HEAVY, len(weights))).indices
    rank = torch.full((len(weights),), len(heavy), dtype=torch.int32, device=weights.device)
    rank[heavy] = torch.arange(len(heavy), dtype=torch.int32, device=weights.device)
    rows, ranks, fair = _ordered(clusters, rank, len(heavy))
    first = torch.searchsorted(ranks, torch.arange(len(heavy), dtype=torch.int32, device=ranks.device))
    depth = torch.arange(len(rows), device=rows.device) - first[ranks]
    far = (depth < count // (ranks + 1) + 2) & (clusters.nearest[rows] > 0)
    likely = rows[far]
    if not len(likely):
        return []
    sampled = fair & (fair.cumsum(0) % max(1, int(fair.sum()) // SAMPLE) == 0)
    either = far | sampled
    scale = _scale(clusters.nearest[rows], ranks, sampled, weights[heavy])[either]
    distances = clusters.distances
    near, few = distances.features.take(likely), distances.features.take(rows[either])
    apart = distances.between(near, distances.sq_norms[likely], few, distances.sq_norms[rows[either]])
    play = _Play(apart, clusters.nearest[rows[either]], ranks[either], scale, weights[heavy])
    return likely[play.picks(far[either].nonzero().squeeze(1), count)].tolist()


def _ordered(clusters: Clusters, rank: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows of the ``count`` heaviest clusters, cluster by cluster, the farthest first, and their ranks.

    Of a crowd that is a regular sample and the farthest of all; the last tensor says which are of the sample.
    """
    rows = (rank < count)[clusters.member].nonzero().squeeze(1)
    fair = torch.ones_like(rows, dtype=torch.bool)
    if len(rows) > 2 * CROWD:
        nearest = clusters.nearest[rows]
        fair = torch.arange(len(rows), device=rows.device) % (len(rows) // CROWD) == 0
        kept = fair | (nearest >= nearest.topk(CROWD // 4, sorted=False).values.amin())
        rows, fair = rows[kept], fair[kept]
    ranks, nearest = rank[clusters.member[rows]], clusters.nearest[rows]
    order = (ranks - 0.999 * (nearest / nearest.amax().clamp_min(1e-30)).double()).argsort()
    return rows[order], ranks[order], fair[order]


def _scale(nearest: Tensor, ranks: Tensor, sampled: Tensor, weights: Tensor) -> Tensor:
    """Return what each row stands for, ``[N]``, such that sampled rows make up the ``weights`` of their clusters."""
    found = torch.zeros_like(weights).index_add_(0, ranks, torch.where(sampled, nearest, 0).double())
    return torch.where(sampled, (weights / found.clamp_min(1e-30))[ranks], 0)


class _Play:
    """LCMD on a few rows."""

    def __init__(self, apart: Tensor, nearest: Tensor, member: Tensor, scale: Tensor, weights: Tensor) -> None:
        self.apart, self.nearest = apart.cpu().numpy(), nearest.cpu().numpy().copy()
        self.member, self.scale = member.cpu().numpy().copy(), scale.cpu().numpy()
        self.weights = weights.cpu().numpy().copy()

    def picks(self, likely: Tensor, count: int) -> list[int]:
        """Return up to ``count`` picks, positions in ``likely``, which are places among all rows."""
        places = likely.cpu().numpy()
        picks: list[int] = []
        for _ in range(2 * count):
            heaviest = int(self.weights.argmax())
            values = np.where(self.member[places] == heaviest, self.nearest[places], 0)
            pick = int(values.argmax())
            if self.weights[heaviest] <= 0 or len(picks) == count:
                break
            if values[pick] <= 0:
                self.weights[heaviest] = 0
                continue
            picks.append(pick)
            self._split(self.apart[pick])
            self.nearest[places[pick]] = 0
        return picks

    def _split(self, column: np.ndarray) -> None:
        moved = (column < self.nearest).nonzero()[0]
        lost = np.bincount(self.member[moved], self.scale[moved] * self.nearest[moved], minlength=len(self.weights))
        self.nearest[moved] = column[moved]
        self.member[moved] = len(self.weights)
        self.weights = np.append(np.maximum(self.weights - lost, 0), (self.scale[moved] * column[moved]).sum())
