"""The rows nearest to the centers of k-means, on normal features; peers use scikit-learn's (small-text, for one)."""

from __future__ import annotations

from typing import Any

from selection_cases.k_center import GRID, cost, inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.kmeans import kmeans

    return kmeans(torch.from_numpy(features), n)


def scikit_learn(features: Any, n: int) -> Any:
    """Run scikit-learn's k-means, and look for the nearest rows."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin

    fitted = KMeans(n, n_init=1, random_state=0).fit(features)
    return pairwise_distances_argmin(fitted.cluster_centers_, features)


def mini_batches(features: Any, n: int) -> Any:
    """Run scikit-learn's k-means in mini-batches, and look for the nearest rows."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import pairwise_distances_argmin

    fitted = MiniBatchKMeans(n, n_init=1, random_state=0).fit(features)
    return pairwise_distances_argmin(fitted.cluster_centers_, features)


IMPLEMENTATIONS = {"alrun": ours, "scikit-learn KMeans": scikit_learn, "scikit-learn MiniBatchKMeans": mini_batches}
