"""The pieces of ``kmeans``: standardization, clustering, nearest members."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans as Reference
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances_argmin

from alrun.cold_start.kmeans import fit_kmeans, nearest_members, standardized


def blobs(per_blob: int) -> torch.Tensor:
    centers = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    noise = torch.randn(4, per_blob, 2, generator=torch.Generator().manual_seed(0))
    return (centers[:, None] + noise).flatten(0, 1)


def test_standardized_columns_and_constants() -> None:
    inputs = torch.cat([blobs(50), torch.full((200, 1), 7.0)], dim=1)
    columns = standardized(inputs)
    torch.testing.assert_close(columns[:, :2].mean(dim=0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(columns[:, :2].std(dim=0, unbiased=False), torch.ones(2))
    assert columns[:, 2].eq(0).all()
    assert standardized(inputs.reshape(200, 3, 1)).shape == (200, 3)
    assert inputs[:, 2].eq(7).all()


def test_inertia_is_comparable_with_scikit_learn_at_its_best() -> None:
    features = standardized(torch.from_numpy(load_digits().data).float()).numpy()
    reference = Reference(20, n_init=3, random_state=0).fit(features)
    clusters, distances = fit_kmeans(features, 20, seed=2**40 + 3)
    assert float(distances.sum()) < 1.05 * reference.inertia_
    picks = nearest_members(clusters, distances)
    assert len(picks.unique()) == 20
    own_centers = np.stack([features[(clusters == c).numpy()].mean(axis=0) for c in clusters[picks].tolist()])
    members = [np.flatnonzero((clusters == c).numpy()) for c in clusters[picks].tolist()]
    nearest = [
        int(rows[pairwise_distances_argmin(center[None], features[rows])[0]])
        for center, rows in zip(own_centers, members, strict=True)
    ]
    assert sum(a == b for a, b in zip(nearest, picks.tolist(), strict=True)) >= 19


def test_same_seed_same_clusters() -> None:
    features = standardized(blobs(100)).numpy()
    first, second = fit_kmeans(features, 7, seed=5), fit_kmeans(features, 7, seed=5)
    assert first[0].equal(second[0])
    assert first[1].equal(second[1])


def test_largest_cluster_first_and_one_pick_each() -> None:
    clusters = torch.tensor([2, 0, 0, 0, 2, 1])
    distances = torch.tensor([3.0, 2.0, 1.0, 2.0, 0.5, 9.0])
    assert nearest_members(clusters, distances).tolist() == [2, 4, 5]


def test_mini_batches_find_the_blobs() -> None:
    features = standardized(blobs(15_000)).numpy()
    clusters, distances = fit_kmeans(features, 4, seed=0)
    assert clusters.unique().numel() == 4
    assert float(distances.max()) < 1.0
