"""Picks at any origin, in any unit and precision of the features: those of exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.query.selection.bait import bait
from alrun.query.selection.cal import cal
from alrun.query.selection.cluster_margin import cluster_margin
from alrun.query.selection.facility_location import facility_location
from alrun.query.selection.k_center import k_center
from alrun.query.selection.kmeans import kmeans
from alrun.query.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.query.selection.lcmd import lcmd
from alrun.query.selection.max_det import max_det
from alrun.query.selection.prob_cover import prob_cover
from alrun.query.selection.purity_radius import purity_radius
from alrun.query.selection.typiclust import typiclust

LABELED = torch.tensor([3, 200, 77])
ROWS = 301


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grid(columns: int) -> Tensor:
    """Return numbers ``[301, columns]`` ``float64`` that single precision holds exactly, also with an offset of 10⁵."""
    return (32 * torch.randn(ROWS, columns, generator=drawn(8), dtype=torch.float64)).round() / 32


PROBABILITIES = torch.randn(ROWS, 3, generator=drawn(9)).softmax(1)

#: Picks by distances alone, which know neither origin nor unit.
BY_DISTANCE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "k_center": lambda x, unit: k_center(x, LABELED, 40),
    "lcmd": lambda x, unit: lcmd(x, LABELED, 40),
    "kmeans_plus_plus": lambda x, unit: kmeans_plus_plus(x, 40, drawn()),
    "facility_location": lambda x, unit: facility_location(x, 40, labeled=LABELED),
    "prob_cover": lambda x, unit: prob_cover(x, LABELED, 40, 6.0 * unit),
    "purity_radius": lambda x, unit: torch.tensor(purity_radius(x, 3) / unit),
    "typiclust": lambda x, unit: typiclust(x, LABELED, 20, generator=drawn()),
    "cluster_margin": lambda x, unit: cluster_margin(x, LABELED, PROBABILITIES, 20, generator=drawn()),
    "cal": lambda x, unit: cal(x, LABELED, PROBABILITIES, 20),
    "kmeans": lambda x, unit: kmeans(x, 20, generator=drawn()).sort().values,
}


@pytest.mark.parametrize("name", BY_DISTANCE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_picks_know_neither_origin_nor_unit(name: str, dtype: torch.dtype) -> None:
    pick, features = BY_DISTANCE[name], grid(40)
    wanted = pick(features, 1.0)
    for offset in (1e3, 1e4, 1e5):
        torch.testing.assert_close(
            pick((features + offset).to(dtype), 1.0), wanted, rtol=1e-5, atol=0, check_dtype=False
        )
    for unit in (2.0**-60, 2.0**20):
        torch.testing.assert_close(
            pick((features * unit).to(dtype), unit), wanted, rtol=1e-5, atol=0, check_dtype=False
        )


def by_determinant(features: Tensor, n: int, noise: float) -> list[int]:
    """Return the picks of a plain partial Cholesky decomposition in extended precision."""
    rows = features.numpy().astype(np.longdouble)
    variances, columns, picks = (rows * rows).sum(1), np.zeros((0, len(rows)), np.longdouble), list(LABELED.tolist())
    for count in range(len(LABELED) + n):
        left = np.where(np.isin(np.arange(len(rows)), picks), -1, variances)
        chosen = picks[count] if count < len(LABELED) else int(left.argmax())
        column = rows @ rows[chosen] - columns[:, chosen] @ columns
        column /= np.sqrt(column[chosen] + noise)
        columns, variances = np.concatenate([columns, column[None]]), variances - column * column
        picks = picks if count < len(LABELED) else [*picks, chosen]
    return picks[len(LABELED) :]


@pytest.mark.parametrize(("columns", "n", "sigma"), [(9, 6, 0.0), (9, 30, 0.3), (64, 60, 0.0), (64, 100, 0.3)])
def test_determinants_at_any_offset(columns: int, n: int, sigma: float) -> None:
    features = torch.randn(ROWS, columns, generator=drawn(8), dtype=torch.float64)
    for offset in (0.0, 1e3, 1e4, 1e5, 1e6):
        moved = features + offset
        assert max_det(moved, LABELED, n, sigma=sigma).tolist() == by_determinant(moved, n, sigma**2)
    for unit in (1e-20, 1e6):
        found = max_det(features * unit, LABELED, n, sigma=sigma * unit)
        assert found.equal(max_det(features, LABELED, n, sigma=sigma))


def test_determinants_at_an_offset_without_labels() -> None:
    features = torch.randn(ROWS, 9, generator=drawn(8), dtype=torch.float64) + 1e4
    first = int(features.square().sum(1).argmax())
    assert max_det(features, torch.empty(0, dtype=torch.int64), 8).tolist() == [
        first,
        *max_det(features, torch.tensor([first]), 7).tolist(),
    ]


@pytest.mark.parametrize("classes", [None, 4])
def test_information_does_not_drift(classes: int | None) -> None:
    """What is kept up to date over hundreds of picks: the same from features in single and in double precision."""
    rows, n = (600, 500) if classes is None else (200, 120)
    features = torch.randn(rows, 16, generator=drawn(5))
    probabilities = None if classes is None else torch.randn(rows, classes, generator=drawn(6)).softmax(1)
    labeled = torch.randperm(rows, generator=drawn(7))[:40]
    picks = [
        bait(x, labeled, n, probabilities=probabilities, regularization=0.09, labeled_weight=1.0, oversampling=1.0)
        for x in (features, features.double())
    ]
    assert picks[0].equal(picks[1])


@pytest.mark.parametrize("select", [k_center, lcmd, max_det])
def test_picks_of_both_precisions_are_the_same(select: Callable[..., Tensor]) -> None:
    features = torch.randn(700, 40, generator=drawn(4))
    assert select(features, LABELED, 500).equal(select(features.double(), LABELED, 500))
