"""k-means++ draws against the exact distribution of the plain algorithm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from scipy.stats import chi2  # type: ignore[import-untyped]
from torch import Tensor

from alrun.query.selection.features import OuterProduct
from alrun.query.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.testing.selection import LargestAllocation, awkward_features, mapped_features

#: Ten draws a cell of the distribution; more rows have many more cells and test nothing more.
ROWS = 5
DRAWS = int(os.environ.get("ALRUN_DRAWS", 1_250))


def exact(features: Tensor) -> Tensor:
    """The probability of every first three picks, ``[N, N, N]``, by enumeration in float64."""
    apart = torch.cdist(features.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    second = apart / apart.sum(1, keepdim=True)
    nearest = torch.minimum(apart[:, None, :], apart[None, :, :])
    third = nearest / nearest.sum(2, keepdim=True)
    return (second[:, :, None] * third).nan_to_num(0) / len(features)


def p_value(probabilities: Tensor, counts: Tensor) -> float:
    """Pearson's chi-square; cells of less than five are taken together."""
    expected = probabilities.flatten() * counts.sum()
    rare = expected < 5
    seen, due = counts.flatten()[~rare].double(), expected[~rare]
    if expected[rare].sum() > 5:
        seen = torch.cat([seen, counts.flatten()[rare].sum()[None]])
        due = torch.cat([due, expected[rare].sum()[None]])
    return float(chi2.sf(float(((seen - due) ** 2 / due).sum()), len(due) - 1))


@pytest.mark.parametrize("lazy", [False, True])
def test_first_three_picks_are_drawn_as_the_plain_algorithm_draws(lazy: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(ROWS, 2, generator=generator), torch.randn(ROWS, 3, generator=generator)
    left[-1], right[-1] = left[-2], right[-2]
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    features = OuterProduct(left, right) if lazy else formed
    counts = torch.zeros(ROWS, ROWS, ROWS, dtype=torch.int64)
    for _ in range(DRAWS):
        first, second, third = kmeans_plus_plus(features, 3, generator).tolist()
        counts[first, second, third] += 1
    probabilities = exact(formed)
    assert counts[probabilities == 0].sum() == 0
    assert p_value(probabilities, counts) > 0.001


def test_a_wrong_distribution_would_be_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(ROWS, 3, generator=generator)
    drawn = torch.multinomial(torch.full((ROWS**3,), 1.0), DRAWS, replacement=True, generator=generator)
    counts = torch.bincount(drawn, minlength=ROWS**3).view(ROWS, ROWS, ROWS)
    assert p_value(exact(features), counts) < 1e-6


@pytest.mark.parametrize("seed", range(30))
def test_distinct_rows_come_first_and_none_twice(seed: int) -> None:
    features, _ = awkward_features(seed)
    distinct = len(features.unique(dim=0))
    picks = kmeans_plus_plus(features, 150, torch.Generator().manual_seed(seed))
    assert len(picks.unique()) == len(picks) == min(150, len(features))
    assert len(features[picks[:distinct]].unique(dim=0)) == min(150, distinct)


def test_the_generator_decides() -> None:
    features, _ = awkward_features(0)
    draws = [kmeans_plus_plus(features, 40, torch.Generator().manual_seed(seed)).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_files_are_read_and_not_copied(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    factors = [torch.randn(100_000, columns, generator=generator) for columns in (20, 64)]
    left, right = (mapped_features(tmp_path / f"{f.shape[1]}.bin", f) for f in factors)
    with LargestAllocation(left, right) as watch:
        picks = kmeans_plus_plus(OuterProduct(left, right), 150, generator)
    assert len(picks.unique()) == 150
    assert watch.nbytes <= 8 << 20


@pytest.mark.parametrize(("n", "count"), [(-1, 0), (0, 0), (1, 1), (99, 12)])
def test_as_many_as_there_are(n: int, count: int) -> None:
    picks = kmeans_plus_plus(torch.randn(12, 3), n, torch.Generator().manual_seed(0))
    assert picks.dtype == torch.int64
    assert len(picks.unique()) == len(picks) == count
