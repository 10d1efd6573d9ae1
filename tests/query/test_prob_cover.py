"""ProbCover against the graph of all pairs and against scikit-activeml; the radius against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.selection import prob_cover as module
from alrun.query.selection.features import OuterProduct, as_features
from alrun.query.selection.lloyd import fit_centers, nearest_centers
from alrun.query.selection.prob_cover import prob_cover
from alrun.query.selection.purity_radius import purity_radius

NONE = torch.empty(0, dtype=torch.int64)
#: ``ProbCover(deltas=[7.3])`` of scikit-activeml 1.0.1 on ``blobs()`` with rows 3, 10 and 77 labeled, where it takes
#: the lowest of several best rows.
SCIKIT_ACTIVEML = [229, 102, 200, 51, 202, 108, 85, 64, 116, 9, 131, 29, 92, 227, 111, 270, 0, 4, 11, 22]


def blobs() -> Tensor:
    """Six clusters of 50 rows, interleaved; multiples of 1/8, so that float32 products are exact."""
    rng = np.random.default_rng(1)
    centers = rng.integers(-40, 40, (6, 4))
    return torch.from_numpy(centers[np.arange(300) % 6] + np.round(4 * rng.standard_normal((300, 4)) * 8) / 8).float()


def distances(features: Tensor) -> Tensor:
    exact = features.double()
    return torch.cdist(exact, exact, compute_mode="donot_use_mm_for_euclid_dist")


def naive(features: Tensor, known: list[int], n: int, radius: float) -> list[int]:
    """Algorithm 1 of the paper on the matrix of all edges."""
    edges, taken = distances(features) <= radius, list(known)
    for _ in range(n):
        counts = (edges & ~edges[taken].any(dim=0)).sum(dim=1)
        counts[taken] = -1
        taken.append(int(counts.argmax()))
    return taken[len(known) :]


def test_same_picks_as_scikit_activeml() -> None:
    assert prob_cover(blobs(), torch.tensor([3, 10, 77]), 20, 7.3).tolist() == SCIKIT_ACTIVEML


@pytest.mark.parametrize("known", [[], [5], [299, 0, 17]])
@pytest.mark.parametrize("radius", [0.4, 3.3, 12.7, 500.0])
def test_same_picks_as_the_graph_gives(known: list[int], radius: float) -> None:
    labeled = torch.tensor(known, dtype=torch.int64)
    assert prob_cover(blobs(), labeled, 40, radius).tolist() == naive(blobs(), known, 40, radius)


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_blocks_change_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prob_cover(blobs(), torch.tensor([3]), 40, 5.0)
    monkeypatch.setattr(module, "_BLOCK_ROWS", rows)
    assert torch.equal(prob_cover(blobs(), torch.tensor([3]), 40, 5.0), whole)


def test_factors_pick_as_their_products_do() -> None:
    generator = torch.Generator().manual_seed(3)
    left = torch.randint(-3, 4, (200, 3), generator=generator).float()
    right = torch.randint(-3, 4, (200, 4), generator=generator).float()
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    assert torch.equal(prob_cover(OuterProduct(left, right), NONE, 30, 9.0), prob_cover(formed, NONE, 30, 9.0))


def test_never_more_than_there_are_and_ties_go_by_position() -> None:
    features = torch.zeros(6, 2)
    assert prob_cover(features, torch.tensor([2]), 99, 1.0).tolist() == [0, 1, 3, 4, 5]
    for dtype in (torch.float32, torch.float64):
        endless = purity_radius(features.to(dtype), 2)
        assert prob_cover(features.to(dtype), NONE, 2, endless).tolist() == [0, 1]
    assert prob_cover(features, NONE, 0, 1.0).tolist() == prob_cover(features[:0], NONE, 3, 1.0).tolist() == []


@pytest.mark.parametrize("radius", [-1.0, float("nan")])
def test_a_radius_is_a_distance(radius: float) -> None:
    with pytest.raises(ConfigError, match="radius"):
        prob_cover(blobs(), NONE, 3, radius)


@pytest.mark.parametrize("purity", [0.5, 0.9, 0.95])
def test_the_radius_is_the_largest_that_is_pure_enough(purity: float) -> None:
    features = torch.randn(300, 2, generator=torch.Generator().manual_seed(4))
    found = purity_radius(features, 4, purity=purity, generator=torch.Generator().manual_seed(9))
    rows = as_features(features)
    clusters = nearest_centers(rows, fit_centers(rows, 4, torch.Generator().manual_seed(9)))
    mixed, gaps = clusters[:, None] != clusters, distances(features)

    def pure(radius: float) -> float:
        return 1 - float(((gaps <= radius) & mixed).any(dim=1).double().mean())

    assert pure(found * (1 - 1e-5)) >= purity
    assert pure(found * (1 + 1e-5)) < purity


@pytest.mark.parametrize(("classes", "purity"), [(1, 0.95), (3, 0.0), (3, 1.0)])
def test_what_a_radius_cannot_be_estimated_from(classes: int, purity: float) -> None:
    with pytest.raises(ConfigError, match="radius"):
        purity_radius(blobs(), classes, purity=purity)
