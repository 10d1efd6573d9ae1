"""k-means: fixed points in closed form, inertia against scikit-learn, and the same result however it is computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Reference
from sklearn.datasets import load_digits
from torch import Tensor

from alrun.query.selection import lloyd
from alrun.query.selection.features import Dense, OuterProduct, as_features
from alrun.query.selection.lloyd import fit_centers, nearest_centers, own_gaps
from alrun.query.selection.rowwise import argmin_rows, grouped, smallest


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(per_blob: int) -> Tensor:
    """Four clusters of whole numbers, far apart and far from the origin, one after the other."""
    corners = torch.tensor([[0.0, 0.0], [200.0, 0.0], [0.0, 200.0], [200.0, 200.0]]) + 4096
    return (corners[:, None] + torch.randint(-9, 10, (4, per_blob, 2), generator=seeded())).flatten(0, 1)


def apart(centers: Tensor, means: Tensor) -> float:
    """The largest distance of one to the nearest of the others, either way."""
    gaps = torch.cdist(centers.double(), means.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return float(torch.maximum(gaps.amin(dim=0), gaps.amin(dim=1)).max())


@pytest.mark.parametrize("per_blob", [10, 5000])
def test_centers_of_blobs_are_their_means(per_blob: int) -> None:
    rows = blobs(per_blob)
    centers = fit_centers(Dense(rows), 4, seeded(1))
    means = rows.unflatten(0, (4, per_blob)).mean(dim=1)
    # Above 1,024 rows the fit is to a sample, whose means are off by chance.
    assert apart(centers, means) < (1e-3 if per_blob == 10 else 2)
    clusters = nearest_centers(Dense(rows), centers)
    assert clusters.unflatten(0, (4, per_blob)).unique(dim=1).numel() == 4
    torch.testing.assert_close(own_gaps(Dense(rows), centers, clusters), (rows - centers[clusters]).square().sum(dim=1))


def test_weights_move_the_centers() -> None:
    rows, weights = blobs(50), torch.rand(200, generator=seeded(2))
    weights[7] = 0
    centers = fit_centers(Dense(rows), 4, seeded(1), weights=weights)
    shares = weights.double().unflatten(0, (4, 50)) / weights.double().unflatten(0, (4, 50)).sum(dim=1, keepdim=True)
    means = (rows.double().unflatten(0, (4, 50)) * shares[..., None]).sum(dim=1)
    assert apart(centers, means) < 1e-3


@pytest.mark.parametrize("k", [10, 100])
def test_inertia_is_close_to_that_of_scikit_learn(k: int) -> None:
    digits = torch.from_numpy(load_digits().data).float()
    reference = Reference(k, n_init=1, random_state=0).fit(digits.numpy()).inertia_
    found = []
    for seed in range(5):
        centers = fit_centers(Dense(digits), k, seeded(seed))
        found.append(float(own_gaps(Dense(digits), centers, nearest_centers(Dense(digits), centers)).sum()))
    assert np.median(found) < 1.03 * reference


def test_factors_cluster_as_their_products_do() -> None:
    left = torch.randint(-3, 4, (300, 3), generator=seeded(3)).float()
    right = torch.randint(-3, 4, (300, 4), generator=seeded(4)).float()
    lazy = OuterProduct(left, right)
    formed = as_features(lazy.vectors())
    centers = fit_centers(lazy, 12, seeded())
    assert torch.equal(nearest_centers(lazy, centers), nearest_centers(formed, centers))
    assert torch.equal(centers, fit_centers(formed, 12, seeded()))


def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, threads = Dense(torch.randn(1200, 3, generator=seeded(6))), torch.get_num_threads()
    centers = fit_centers(rows, 30, seeded())
    clusters = nearest_centers(rows, centers)
    try:
        torch.set_num_threads(2)
        assert torch.equal(fit_centers(rows, 30, seeded()), centers)
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(lloyd, "_CHUNK_VALUES", 100)
    torch.testing.assert_close(fit_centers(rows, 30, seeded()), centers)
    assert torch.equal(nearest_centers(rows, centers), clusters)


def test_more_centers_than_different_rows() -> None:
    rows = Dense(torch.eye(3).repeat(20, 1))
    centers = fit_centers(rows, 8, seeded())
    assert centers.isfinite().all()
    assert own_gaps(rows, centers, nearest_centers(rows, centers)).max() < 1e-12


def test_rowwise_minima_and_groups() -> None:
    values = torch.randint(0, 50, (40, 30), generator=seeded()).float()
    firsts = argmin_rows(values)
    assert torch.equal(values.gather(1, firsts[:, None])[:, 0], values.amin(dim=1))
    assert all(int(first) == row.tolist().index(min(row.tolist())) for first, row in zip(firsts, values, strict=True))
    for k in (1, 7, 30, 99):
        assert torch.equal(smallest(values.clone(), k).sort(dim=1).values, values.sort(dim=1).values[:, :k])
    labels = torch.randint(0, 5, (100,), generator=seeded())
    for most in (6, 1 << 16):
        order, counts = grouped(labels, most)
        assert torch.equal(order, torch.cat([(labels == label).nonzero()[:, 0] for label in range(5)]))
        assert counts.tolist() == [int((labels == label).sum()) for label in range(most)]
