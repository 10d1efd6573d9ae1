"""TypiClust picks: the most typical row of each cluster without a label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.lloyd import fit_centers, nearest_centers, width
from alrun.query.selection.rowwise import grouped, smallest

__all__ = ["typiclust"]

_BLOCK_VALUES = 1 << 22
_AT_ONCE = 64


def typiclust(
    features: Tensor | Features,
    labeled: Tensor,
    n: int,
    *,
    generator: torch.Generator | None = None,
    neighbors: int = 20,
    max_clusters: int = 500,
    min_cluster_size: int = 5,
) -> Tensor:
    """Return rows that are typical of clusters without labels (Hacohen, Dekel and Weinshall 2022, algorithm 1).

    k-means with ``L + n`` clusters; the clusters with the fewest labeled rows come first, the larger ones before the
    smaller; of each, in turn, the row with the least mean distance to its ``neighbors`` nearest rows is picked.

    As in the authors' code, not in their paper: ``max_clusters``, after which clusters are visited again; clusters of
    up to ``min_cluster_size`` rows come last (there: never); neighbours are those in the cluster that have no label
    and are not picked, and at most half as many as there are. The clusters are fitted to a sample, see ``fit_centers``.

    Time ``O(N (k D + m D))`` for clusters of ``m`` rows; memory for 12 bytes per row and some 100 MB.

    Args:
        features: ``[N, d]``, or features that are not formed.
        labeled: Positions ``[L]`` ``int64`` of the rows that have labels.
        n: How many to pick.
        generator: Of the clustering; ``None`` for one with seed 0.
        neighbors: ``K`` of the paper, 20.
        max_clusters: 500 in the authors' code.
        min_cluster_size: 5 in the authors' code.

    Returns:
        Positions ``[min(n, N - L)]`` ``int64``, in order of choice; ties: the lowest.

    Raises:
        ConfigError: ``neighbors`` or ``max_clusters`` is less than 1.
    """
    for name, value in (("neighbors", neighbors), ("max_clusters", max_clusters)):
        if value < 1:
            where = f"query.*.selector.{name}"
            raise ConfigError(Problem(f"{name} must be at least 1, not {value!r}", where, f"{where}=20"))
    rows = as_features(features)
    n = min(n, len(rows) - len(labeled))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    generator = generator or torch.Generator().manual_seed(0)
    k = min(len(labeled) + n, max_clusters)
    clusters = nearest_centers(rows, fit_centers(rows, k, generator))
    totals = torch.bincount(clusters, minlength=k)
    known = torch.bincount(clusters[labeled], minlength=k)
    clusters[labeled] = k
    members = grouped(clusters, k + 1)[0]
    del clusters
    visits = _visits(totals, known, n, min_cluster_size)
    return _in_turn(rows, members, totals - known, visits, neighbors)


def _visits(totals: Tensor, known: Tensor, n: int, min_size: int) -> Tensor:
    """Return the cluster ``[n]`` that each pick comes from: round by round, as long as a cluster has rows left.

    Args:
        totals: Rows of each cluster ``[k]``.
        known: Those of them that have labels.
        n: Number of picks.
        min_size: Clusters of so many rows or fewer come last.
    """
    rank = torch.argsort(totals, descending=True, stable=True)
    rank = rank[known[rank].argsort(stable=True)]
    rank = rank[(totals[rank] <= min_size).to(torch.int8).argsort(stable=True)]
    left, found, count = (totals - known)[rank], [], 0
    while count < n:
        found.append(rank[left > 0])
        count += len(found[-1])
        left = left - 1
    return torch.cat(found)[:n]


def _in_turn(features: Features, members: Tensor, sizes: Tensor, visits: Tensor, neighbors: int) -> Tensor:
    """Return one pick for each of ``visits``, from ``members``: the rows of the clusters, one cluster after another."""
    starts = (sizes.cumsum(0) - sizes).tolist()
    picks = torch.empty_like(visits)
    order = visits.argsort(stable=True)
    counts = torch.bincount(visits, minlength=len(sizes))
    for cluster, places in enumerate(order.split(counts.tolist())):
        if len(places):
            rows = members[starts[cluster] : starts[cluster] + int(sizes[cluster])]
            picks[places] = rows[_most_typical(features, rows, len(places), neighbors)]
    return picks


def _most_typical(features: Features, rows: Tensor, n: int, neighbors: int) -> Tensor:
    """Return positions ``[n]`` in ``rows``: again and again the most typical of those that remain.

    With fewer rows around, the mean over the same number of neighbours only grows. So the old means are bounds, and a
    row is the most typical as soon as its new mean is no larger than what is known of any other.
    """
    everyone = torch.arange(len(rows), device=rows.device)
    counted = min(neighbors, len(rows) // 2)
    means = _mean_gaps(features, rows, everyone, counted)
    picks = [means.argmin().reshape(1)]
    remain = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    for left in range(len(rows) - 1, len(rows) - n, -1):
        means[picks[-1]], remain[picks[-1]] = float("inf"), False
        fresh = torch.zeros_like(remain)
        k = min(neighbors, left // 2)
        if k != counted:
            means[remain], counted, fresh[:] = _mean_gaps(features, rows[remain], everyone[:left], k), k, True
        while not bool(fresh[best := means.argmin()]):
            stale = means.masked_fill(fresh, float("inf")).topk(min(_AT_ONCE, left), largest=False)
            likely = stale.indices[stale.values < float("inf")]
            means[likely] = _mean_gaps(features, rows[remain], remain.cumsum(0)[likely] - 1, k)
            fresh[likely] = True
        picks.append(best.reshape(1))
    return torch.cat(picks)


def _mean_gaps(features: Features, rows: Tensor, which: Tensor, k: int) -> Tensor:
    """Return the mean distance of each of ``rows`` at ``which`` to its ``k`` nearest others, ``[m]``."""
    if k == 0:
        return torch.zeros(len(which), dtype=features.dtype, device=rows.device)
    columns = width(features)
    blocks = rows.split(max(1, _BLOCK_VALUES // columns))
    parts = which.split(max(1, _BLOCK_VALUES // max(len(blocks[0]), columns)))
    means = [_nearest_gaps(features, rows, blocks, part, k).sqrt_().sum(dim=1).div_(k) for part in parts]
    return means[0] if len(means) == 1 else torch.cat(means)


def _nearest_gaps(features: Features, rows: Tensor, blocks: Sequence[Tensor], which: Tensor, k: int) -> Tensor:
    """Return the ``k`` least squared distances ``[m, k]`` of ``rows[which]`` to others of ``rows``, block by block."""
    middle = features.take(rows[:1]).vectors()
    mine = features.take(rows[which]).vectors() - middle
    norms, nearest, first = mine.square().sum(dim=1, keepdim=True), None, 0
    for block in blocks:
        whole = len(which) == len(rows) == len(block)
        theirs = mine if whole else features.take(block).vectors() - middle
        gaps = torch.addmm(norms.T if whole else theirs.square().sum(dim=1), mine, theirs.T, alpha=-2).add_(norms)
        if whole:
            gaps.fill_diagonal_(float("inf"))
        else:
            inside = ((which >= first) & (which < first + len(block))).nonzero()[:, 0]
            gaps[inside, which[inside] - first] = float("inf")
        first += len(block)
        nearest = smallest(gaps if nearest is None else torch.cat([nearest, gaps], dim=1), k)
    return torch.empty(0) if nearest is None else nearest.clamp_min(0)
