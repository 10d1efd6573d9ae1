"""Facility location against the plain greedy algorithm and against apricot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.query.selection import facility_location as module
from alrun.query.selection.facility_location import facility_location
from alrun.query.selection.features import Dense, OuterProduct
from alrun.query.selection.pair_gains import Savings

NONE = torch.empty(0, dtype=torch.int64)
#: ``FacilityLocationSelection(20, metric="euclidean", optimizer="naive")`` of apricot-select 0.6.1 on ``blobs()``.
APRICOT = [164, 45, 35, 175, 136, 102, 51, 200, 83, 283, 160, 10, 77, 12, 9, 271, 227, 284, 213, 282]


def blobs() -> Tensor:
    """Six clusters of 50 rows, interleaved; multiples of 1/8, so that float32 products are exact."""
    rng = np.random.default_rng(1)
    centers = rng.integers(-40, 40, (6, 4))
    return torch.from_numpy(centers[np.arange(300) % 6] + np.round(4 * rng.standard_normal((300, 4)) * 8) / 8).float()


def naive(features: Tensor, n: int, chosen: list[int]) -> list[int]:
    """The plain greedy algorithm on the matrix of all similarities, in float64."""
    gaps = torch.cdist(features.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    similarity, picks = gaps.max() - gaps, list(chosen)
    best = similarity[:, picks].amax(dim=1) if picks else torch.zeros(len(features), dtype=torch.float64)
    for _ in range(n):
        gains = (similarity - best[:, None]).clamp_min(0).sum(dim=0)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        best = torch.maximum(best, similarity[:, picks[-1]])
    return picks[len(chosen) :]


def test_same_picks_as_apricot() -> None:
    assert facility_location(blobs(), 20).tolist() == APRICOT


@pytest.mark.parametrize("known", [[], [7], [0, 11, 12, 250]])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_same_picks_as_the_plain_greedy_algorithm(seed: int, known: list[int]) -> None:
    features = torch.randn(400, 3, generator=torch.Generator().manual_seed(seed)) + 5
    found = facility_location(features, 60, labeled=torch.tensor(known, dtype=torch.int64))
    assert found.tolist() == naive(features, 60, known)


def test_factors_pick_as_their_products_do() -> None:
    generator = torch.Generator().manual_seed(3)
    left = torch.randint(-3, 4, (200, 3), generator=generator).float()
    right = torch.randint(-3, 4, (200, 4), generator=generator).float()
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    assert torch.equal(facility_location(OuterProduct(left, right), 30), facility_location(formed, 30))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = facility_location(blobs(), 40)
    monkeypatch.setattr(module, "_MOST", 7)
    monkeypatch.setattr(module, "_FEWEST", 1)
    assert torch.equal(facility_location(blobs(), 40), whole)


def test_rows_that_repeat_come_in_order() -> None:
    features = torch.tensor([[0.0], [1.0]]).repeat(40, 1)
    assert facility_location(features, 80).tolist() == [0, 1, *range(2, 80)]


def test_never_more_than_there_are() -> None:
    features = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    assert sorted(facility_location(features, 99, labeled=torch.tensor([4])).tolist()) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert facility_location(features, 0).tolist() == facility_location(features[:0], 3).tolist() == []


@pytest.mark.parametrize("pairs", [0, 1 << 23])
def test_keeping_pairs_changes_nothing(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.randn(400, 3, generator=torch.Generator().manual_seed(9))
    monkeypatch.setattr(module, "_PAIRS", pairs)
    assert facility_location(features, 60).tolist() == naive(features, 60, [])


def test_savings_stay_what_they_are_defined_as() -> None:
    rows = Dense(blobs())
    gaps = torch.cdist(rows.matrix.double(), rows.matrix.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    nearest = gaps[:, :2].amin(dim=1)
    savings = Savings.made(rows, rows.sq_norms(), nearest, 300 * 300)
    assert savings is not None
    for pick in (77, 5, 200, 41):
        closer = torch.minimum(nearest, gaps[:, pick])
        changed = (closer < nearest).nonzero()[:, 0]
        savings.update(changed, (nearest - closer)[changed])
        nearest = closer
        torch.testing.assert_close(
            savings.gains, (nearest[:, None] - gaps).clamp_min(0).sum(dim=0), atol=0.05, rtol=1e-5
        )
    assert Savings.made(rows, rows.sq_norms(), nearest, 300) is None
