"""TypiClust against loops over all distances and against scikit-activeml."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.selection import typiclust as module
from alrun.query.selection.features import Dense, OuterProduct
from alrun.query.selection.lloyd import fit_centers, nearest_centers
from alrun.query.selection.typiclust import typiclust

NONE = torch.empty(0, dtype=torch.int64)
#: ``TypiClust(k=5)`` of scikit-activeml 1.0.1 on ``blobs()``, row 0 labeled, with the blobs for clusters.
SCIKIT_ACTIVEML = [26, 164, 135, 109, 68]


def blobs() -> Tensor:
    """Six clusters of 50, 42, 34, 26, 18 and 10 rows in four dimensions; multiples of 1/8."""
    rng = np.random.default_rng(1)
    centers, kinds = rng.integers(-40, 40, (6, 4)), np.arange(300) % 6
    rows = centers[kinds] + np.round(4 * rng.standard_normal((300, 4)) * 8) / 8
    return torch.from_numpy(rows[(np.arange(300) * 7) % 50 >= 8 * kinds]).float()


def naive(features: Tensor, known: list[int], n: int, neighbors: int, most: int, min_size: int, seed: int) -> list[int]:
    """The authors' procedure with loops, on the same clusters; picks go round by round, best clusters first."""
    k = min(len(known) + n, most)
    centers = fit_centers(Dense(features), k, torch.Generator().manual_seed(seed))
    clusters = nearest_centers(Dense(features), centers).tolist()
    gaps = torch.cdist(features.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist").tolist()
    free = {c: [row for row, own in enumerate(clusters) if own == c and row not in known] for c in range(k)}

    def rank(c: int) -> tuple[bool, int, int, int]:
        return clusters.count(c) <= min_size, sum(clusters[row] == c for row in known), -clusters.count(c), c

    picks: list[int] = []
    while len(picks) < n:
        for c in sorted((c for c in range(k) if free[c]), key=rank):
            around = min(neighbors, len(free[c]) // 2)
            spread = {
                row: math.fsum(sorted(gaps[row][other] for other in free[c] if other != row)[:around]) / max(around, 1)
                for row in free[c]
            }
            picks.append(min(free[c], key=lambda row: (round(spread[row], 4), row)))
            free[c].remove(picks[-1])
    return picks[:n]


def test_same_picks_as_scikit_activeml() -> None:
    found = typiclust(blobs(), torch.tensor([0]), 5, neighbors=5, generator=torch.Generator().manual_seed(3))
    assert found.tolist() == SCIKIT_ACTIVEML


@pytest.mark.parametrize(
    ("known", "n", "neighbors", "most", "min_size"),
    [
        ([], 12, 20, 500, 5),
        ([3, 4, 50, 51], 20, 5, 500, 5),
        ([3, 4, 50], 60, 20, 7, 5),
        ([0, 9], 78, 3, 10, 12),
        ([179], 179, 20, 500, 5),
    ],
)
def test_same_picks_as_loops_over_all_distances(
    known: list[int], n: int, neighbors: int, most: int, min_size: int
) -> None:
    features = torch.randn(180, 3, generator=torch.Generator().manual_seed(5)) + 3
    found = typiclust(
        features,
        torch.tensor(known, dtype=torch.int64),
        n,
        generator=torch.Generator().manual_seed(8),
        neighbors=neighbors,
        max_clusters=most,
        min_cluster_size=min_size,
    )
    assert found.tolist() == naive(features, known, n, neighbors, most, min_size, 8)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = typiclust(blobs(), torch.tensor([9]), 70, max_clusters=6)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 60)
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    assert torch.equal(typiclust(blobs(), torch.tensor([9]), 70, max_clusters=6), whole)


def test_factors_pick_as_their_products_do() -> None:
    generator = torch.Generator().manual_seed(3)
    left = torch.randint(-9, 10, (200, 3), generator=generator).float()
    right = torch.randint(-9, 10, (200, 4), generator=generator).float()
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    assert torch.equal(typiclust(OuterProduct(left, right), NONE, 15), typiclust(formed, NONE, 15))


def test_rows_that_repeat_are_picked_once() -> None:
    features = torch.eye(3).repeat(30, 1)
    assert sorted(typiclust(features, torch.tensor([4]), 89).tolist()) == [row for row in range(90) if row != 4]


def test_never_more_than_there_are() -> None:
    features = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    assert sorted(typiclust(features, torch.tensor([4]), 99).tolist()) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert typiclust(features, NONE, 0).tolist() == typiclust(features[:0], NONE, 3).tolist() == []


@pytest.mark.parametrize("wrong", ["neighbors", "max_clusters"])
def test_counts_are_positive(wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        typiclust(blobs(), NONE, 3, **{wrong: 0})  # type: ignore[arg-type]
