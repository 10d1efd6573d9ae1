"""Cluster-Margin: the least certain rows, spread evenly over clusters of the embedding."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.scores import negative_gap
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.top_k import top_k

__all__ = ["average_linkage", "cluster_margin", "round_robin"]


def average_linkage(features: Tensor | Features, num_clusters: int, *, max_clustered: int = 2500) -> Tensor:
    """Cluster rows bottom up by average linkage of Euclidean distances, until ``num_clusters`` are left.

    scipy's tree (Müllner 2011) takes ``O(m²)`` time and, with ``m`` rows clustered, ``8 m²`` bytes. Of more than
    ``max_clustered`` rows, evenly spaced ones are clustered, and each of the others joins the nearest cluster mean.

    Returns:
        Cluster of each row ``[m]`` ``int64`` on the CPU, numbered in order of their first clustered rows.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # type: ignore[import-untyped]

    rows = as_features(features)
    step = -(-len(rows) // max(2, max_clustered))
    core = torch.arange(0, len(rows), step)
    if len(core) < 2 or num_clusters <= 1:
        return torch.zeros(len(rows), dtype=torch.int64)
    vectors = rows.take(core.to(rows.device)).vectors()
    tree = linkage(torch.pdist(vectors).double().cpu().numpy(), "average")
    found = torch.from_numpy(fcluster(tree, min(num_clusters, len(core)), "maxclust")).long()
    clusters = _in_order_of_appearance(found)
    if step == 1:
        return clusters
    joined = _nearest_mean(rows, vectors, clusters)
    joined[core] = clusters
    return joined


def _in_order_of_appearance(clusters: Tensor) -> Tensor:
    numbers, members = clusters.unique(return_inverse=True)
    first = torch.full((len(numbers),), len(clusters)).scatter_reduce(0, members, torch.arange(len(clusters)), "amin")
    return first.argsort().argsort()[members]


def _nearest_mean(rows: Features, vectors: Tensor, clusters: Tensor) -> Tensor:
    counts = clusters.bincount()
    sums = torch.zeros(len(counts), vectors.shape[1], dtype=vectors.dtype)
    means = sums.index_add_(0, clusters, vectors.cpu()) / counts[:, None]
    norms, means = means.square().sum(dim=1).to(rows.device), means.to(rows.device)
    parts = [rows.part(part.start, part.stop).project(means) for part in slices(rows)]
    return torch.cat([(norms - 2 * products).argmin(dim=1) for products in parts]).cpu()


def round_robin(clusters: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Take one member of each cluster in turn, smallest cluster first, until there are ``n``.

    Args:
        clusters: Cluster of each row ``[m]`` ``int64``, ``0 … k-1``; rows in order of preference.
        n: How many to take.
        generator: Draws which member is next; ``None`` for the first in order.

    Returns:
        Positions ``[min(n, m)]`` ``int64`` in order of choice. Clusters of one size take turns by number.
    """
    m = len(clusters)
    order = torch.arange(m) if generator is None else torch.randperm(m, generator=generator)
    order = order[clusters[order].argsort(stable=True)]
    counts = clusters.bincount()
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    turn = torch.arange(m) - starts
    place = counts.argsort(stable=True).argsort()[clusters[order]]
    return order[(turn * max(1, len(counts)) + place).argsort()[: max(0, n)]]


def cluster_margin(
    features: Tensor | Features,
    labeled: Tensor,
    probabilities: Tensor,
    n: int,
    *,
    factor: float = 10.0,
    cluster_size: float = 10.0,
    max_clustered: int = 2500,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Pick from the ``factor * n`` rows of smallest margin, in turn from clusters of them (Citovsky et al. 2021).

    Algorithm 1 of "Batch active learning at scale": margin sampling, then one row of each cluster in turn, from the
    smallest cluster up. Deviations: there the whole pool is clustered once, before anything is labeled, and the tree
    is cut at a distance; here the candidates of each step are clustered, by the embedding of the day, into
    ``candidates / cluster_size`` clusters, so that nothing grows with ``N²``.

    Args:
        features: ``[N, d]``; Euclidean distances.
        labeled: Positions ``[L]`` that are never picked.
        probabilities: Class probabilities ``[N, C]``, with at least two classes.
        n: How many to pick.
        factor: Candidates a pick; at least 1.
        cluster_size: Mean number of candidates in a cluster; at least 1.
        max_clustered: Candidates that the tree holds; see ``average_linkage``.
        generator: Draws the member of a cluster, as in the paper; ``None`` takes that of smallest margin.

    Returns:
        ``[min(n, N - L)]`` ``int64`` in order of choice.

    Raises:
        ConfigError: ``factor`` or ``cluster_size`` is less than 1.
    """
    wrong = {"factor": factor, "cluster_size": cluster_size}
    if problems := [Problem(f"{value} is less than 1", name) for name, value in wrong.items() if not value >= 1]:
        raise ConfigError(problems)
    scores = negative_gap(probabilities).clone()
    scores[labeled] = -torch.inf
    candidates = top_k(scores, min(round(factor * max(0, n)), len(scores) - len(labeled.unique())))
    if len(candidates) == 0:
        return candidates
    nearby = as_features(features).take(candidates)
    clusters = average_linkage(nearby, round(len(candidates) / cluster_size), max_clustered=max_clustered)
    return candidates[round_robin(clusters, n, generator).to(candidates.device)]
