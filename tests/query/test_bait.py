"""BAIT against dense matrices, and against bmdal_reg."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.selection.bait import bait
from alrun.query.selection.features import OuterProduct, as_features
from alrun.query.selection.fisher import Fisher, contrasts


def made(count: int, width: int) -> Tensor:
    """Return features that any other program can make as well, the later rows the longer ones."""
    steps = torch.arange(count * width, dtype=torch.float64).reshape(count, width)
    return (steps**2 * 0.37 + 1).sin() * torch.linspace(0.5, 2, count, dtype=torch.float64)[:, None]


def predicted(count: int, classes: int) -> Tensor:
    steps = torch.arange(count * classes, dtype=torch.float64).reshape(count, classes)
    return (2 * (steps**2 * 0.11 + 2).cos()).softmax(dim=1)


def information(features: Tensor, probabilities: Tensor | None) -> Tensor:
    """Return the Fisher information of each row as a matrix, ``[N, C d, C d]``."""
    outer = features[:, :, None] * features[:, None, :]
    if probabilities is None:
        return outer
    curvature = torch.diag_embed(probabilities) - probabilities[:, :, None] * probabilities[:, None, :]
    return torch.stack([torch.kron(a, b) for a, b in zip(curvature, outer, strict=True)])


def naive(each: Tensor, labeled: Tensor, n: int, over: int, ridge: float, weight: float) -> list[int]:
    """Evaluate the trace with every row added, and taken out again, from scratch."""
    target, size = each.mean(dim=0), each.shape[1]
    start = ridge * torch.eye(size, dtype=each.dtype) + weight * each[labeled].sum(dim=0)

    def trace(rows: list[int]) -> float:
        return float(torch.linalg.solve(start + each[rows].sum(dim=0), target).trace())

    picks: list[int] = []
    free = sorted(set(range(len(each))) - set(labeled.tolist()))
    while len(picks) < min(over, len(free)):
        picks.append(min((row for row in free if row not in picks), key=lambda row: trace([*picks, row])))
    while len(picks) > n:
        picks.remove(min(picks, key=lambda row: trace([other for other in picks if other != row])))
    return picks


@pytest.mark.parametrize("classes", [None, 2, 3, 5])
@pytest.mark.parametrize("over", [1, 2])
def test_greedy_trace_forward_and_backward(classes: int | None, over: int) -> None:
    features, labeled = made(30, 4), torch.tensor([2, 11, 29])
    probabilities = None if classes is None else predicted(30, classes)
    wanted = naive(information(features, probabilities), labeled, 6, 6 * over, 0.5, 1 / 3)
    found = bait(features, labeled, 6, probabilities=probabilities, regularization=0.5, oversampling=over)
    assert found.tolist() == wanted


@pytest.mark.parametrize(
    ("sigma", "oversampling", "wanted"),
    [
        (1.0, 1.0, [53, 47, 59, 50, 49, 43, 58, 56, 57, 44]),
        (1.0, 2.0, [53, 47, 59, 50, 49, 43, 58, 56, 44, 42]),
        (0.1, 1.0, [53, 47, 59, 50, 49, 43, 58, 56, 57, 44]),
        (0.1, 2.0, [53, 47, 59, 50, 49, 43, 58, 56, 44, 42]),
    ],
)
def test_same_picks_as_bmdal_reg(sigma: float, oversampling: float, wanted: list[int]) -> None:
    """BaitFeatureSpaceSelectionMethod of bmdal_reg 3.0.2: 60 pool rows, 9 training rows selected first."""
    found = bait(
        made(69, 5),
        torch.arange(60, 69),
        10,
        regularization=sigma**2,
        labeled_weight=1.0,
        oversampling=oversampling,
    )
    assert found.tolist() == wanted


@pytest.mark.parametrize(
    ("oversampling", "wanted"),
    [(1.0, [45, 24, 55, 49, 30, 51, 53, 50, 59, 47]), (2.0, [45, 49, 53, 50, 59, 47, 40, 39, 46, 56])],
)
def test_same_picks_as_bmdal_reg_without_training_rows(oversampling: float, wanted: list[int]) -> None:
    known = torch.arange(60, 69)
    found = bait(made(69, 5), known, 10, regularization=0.01, labeled_weight=0.0, oversampling=oversampling)
    assert found.tolist() == wanted


def test_single_precision_and_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, probabilities, labeled = made(80, 6), predicted(80, 4), torch.arange(5)
    exact = bait(features, labeled, 12, probabilities=probabilities)
    monkeypatch.setattr("alrun.query.selection.fisher.LARGEST_PART", 7)
    assert bait(features.float(), labeled, 12, probabilities=probabilities.float()).equal(exact)


def test_two_classes_are_a_weighted_regression() -> None:
    """``2 p (1 - p)`` is all the information that two logits have, along their difference."""
    features, probabilities, labeled = made(40, 5), predicted(40, 2), torch.arange(3)
    weights = 2 * probabilities[:, 0] * probabilities[:, 1]
    assert bait(features, labeled, 8, weights=weights).equal(bait(features, labeled, 8, probabilities=probabilities))


def test_features_that_are_never_formed() -> None:
    product = OuterProduct(made(50, 2), made(50, 3))
    assert bait(product, torch.arange(4), 9).equal(bait(product.vectors(), torch.arange(4), 9))


def test_directions_without_variance_can_be_left_out() -> None:
    """Features of rank 3 in 9 dimensions: three directions of each class say everything."""
    features = made(60, 3) @ torch.linalg.qr(made(9, 3))[0].T
    probabilities, labeled = predicted(60, 3), torch.arange(6)
    whole = bait(features, labeled, 10, probabilities=probabilities)
    assert bait(features, labeled, 10, probabilities=probabilities, max_dimension=6).equal(whole)


def test_information_of_the_softmax_in_one_coordinate_less() -> None:
    features, probabilities = made(7, 3), predicted(7, 4)
    basis = torch.kron(contrasts(4), torch.eye(3, dtype=torch.float64))
    whole = information(features, probabilities).sum(dim=0)
    torch.testing.assert_close(basis @ Fisher(as_features(features), probabilities).total() @ basis.T, whole)


def test_bounds() -> None:
    features = made(12, 3)
    assert bait(features, torch.arange(4), 0).tolist() == []
    assert sorted(bait(features, torch.arange(4), 99).tolist()) == list(range(4, 12))
    assert len(bait(features, torch.empty(0, dtype=torch.int64), 5)) == 5
    with pytest.raises(ConfigError, match="regularization"):
        bait(features, torch.arange(4), 3, regularization=0.0)
