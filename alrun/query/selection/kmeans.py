"""k-means picks: the rows nearest to cluster centers."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.features import Features, as_features
from alrun.query.selection.lloyd import fit_centers, nearest_centers, own_gaps
from alrun.query.selection.rowwise import grouped

__all__ = ["kmeans"]


def kmeans(
    features: Tensor | Features, n: int, *, generator: torch.Generator | None = None, weights: Tensor | None = None
) -> Tensor:
    """Return the row nearest to each of ``n`` centers of (weighted) k-means, the heaviest cluster first.

    Without weights as in Bodó, Minier and Csató (2011); with the uncertainty of each row as its weight, weighted
    k-means (Zhdanov 2019), where "heaviest" is the sum of the weights. Of each cluster the member nearest
    to its center is taken; where clusters come out empty, because rows repeat, the rows that lie farthest from their
    own centers fill up. The centers are fitted to a sample, see ``fit_centers``.

    Time ``O(N n D)``; memory for 28 bytes per row and some 100 MB.

    Args:
        features: ``[N, d]``, or features that are not formed.
        n: How many to pick.
        generator: Of the clustering; ``None`` for one with seed 0.
        weights: How much each row counts, ``[N]`` floats, none negative; ``None`` for all alike.

    Returns:
        Positions ``[min(n, N)]`` ``int64``, in order of choice; ties: the lowest.
    """
    rows = as_features(features)
    n = min(n, len(rows))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    centers = fit_centers(rows, n, generator or torch.Generator().manual_seed(0), weights=weights)
    clusters = nearest_centers(rows, centers)
    gaps = own_gaps(rows, centers, clusters)
    picks = _middles(clusters, gaps, n, weights)
    if len(picks) < n:
        gaps[picks] = -1
        picks = torch.cat([picks, gaps.argsort(descending=True, stable=True)[: n - len(picks)]])
    return picks


def _middles(clusters: Tensor, gaps: Tensor, n: int, weights: Tensor | None) -> Tensor:
    """Return the position of the least of ``gaps`` ``[N]`` in each of the clusters that have rows, heaviest first."""
    by_gap = gaps.argsort(stable=True)
    order, counts = grouped(clusters[by_gap], n)
    held = counts > 0
    middles = by_gap[order[(counts.cumsum(0) - counts)[held]]]
    if weights is None:
        mass = counts.double()
    else:
        mass = torch.zeros(n, dtype=torch.float64, device=gaps.device).index_add_(0, clusters, weights.double())
    middles, order = middles.sort()
    return middles[mass[held][order].argsort(descending=True, stable=True)]
