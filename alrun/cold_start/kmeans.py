"""First rows that cover the inputs: the centers of k-means."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alrun.cold_start.base import ColdStart
from alrun.core.row_random import row_uniforms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KMeans", "fit_kmeans", "nearest_members", "standardized"]

_MINI_BATCH_ABOVE = 50_000


def standardized(inputs: Tensor) -> Tensor:
    """Return ``inputs`` ``[n, ...]`` flattened to ``[n, d]``, each column with mean 0 and variance 1 (constants: 0)."""
    flat = inputs.reshape(len(inputs), -1).clone()
    flat -= flat.mean(dim=0)
    spread = flat.std(dim=0, unbiased=False)
    return flat.div_(torch.where(spread > 0, spread, 1.0))


def fit_kmeans(features: NDArray[np.float32], n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Cluster ``features`` ``[N, d]`` and return each row's cluster and squared distance to its center, ``[N]`` each.

    scikit-learn's Lloyd iterations from one k-means++ start (Arthur and Vassilvitskii 2007), in mini-batches (Sculley
    2010) above 50,000 rows. One thread: several would add up the centers in an order that changes from run to run.
    """
    from sklearn.cluster import KMeans as Lloyd
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    method = MiniBatchKMeans if len(features) > _MINI_BATCH_ABOVE else Lloyd
    model = method(n_clusters=n, n_init=1, random_state=seed % 2**32)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = model.fit_predict(features)
    distances = torch.empty(len(features))
    for start in range(0, len(features), 16384):
        part = slice(start, start + 16384)
        gaps = torch.from_numpy(features[part] - model.cluster_centers_[clusters[part]])
        distances[part] = gaps.square().sum(dim=1)
    return torch.from_numpy(clusters).long(), distances


def nearest_members(clusters: Tensor, distances: Tensor) -> Tensor:
    """Return the position of each cluster's nearest member, largest cluster first (then by position)."""
    by_distance = distances.argsort(stable=True)
    ordered = by_distance[clusters[by_distance].argsort(stable=True)]
    counts = torch.unique_consecutive(clusters[ordered], return_counts=True)[1]
    nearest = ordered[counts.cumsum(0) - counts]
    by_position = nearest.argsort()
    nearest, counts = nearest[by_position], counts[by_position]
    return nearest[counts.argsort(descending=True, stable=True)]


class KMeans(ColdStart):
    """The rows nearest to the centers of k-means over the raw inputs, standardized over the pool.

    Largest cluster first, so that a small budget takes the most typical rows. Clusters that come out empty, because
    rows repeat, are replaced by random rows. Needs memory for two copies of the pool's inputs.
    """

    def pick(self, rows: Tensor, positions: Tensor, n: int, seed: int) -> Tensor:
        """Return one row for each of ``n`` centers."""
        features = standardized(self.driver.unlabeled_pool.inputs(positions)).numpy()
        picks = nearest_members(*fit_kmeans(features, n, seed))
        spare = torch.ones(len(rows), dtype=torch.bool)
        spare[picks] = False
        others = rows[spare]
        others = others[torch.from_numpy(row_uniforms(others, seed)).argsort(stable=True)]
        return torch.cat([rows[picks], others])[:n]
