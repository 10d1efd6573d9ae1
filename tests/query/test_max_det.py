"""MaxDet against determinants, against the plain pivoted Cholesky decomposition and against bmdal_reg."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.max_det import max_det
from alrun.testing.selection import awkward_features, wave_features

NONE = torch.zeros(0, dtype=torch.int64)


def plain(features: Tensor, labeled: Tensor, n: int, sigma: float) -> list[int]:
    """The pivots of the whole kernel matrix, largest first; of those within rounding of each other the first."""
    rows = features.double()
    gram = rows @ rows.T
    gram.diagonal().add_(sigma**2)
    slack = 1e-12 * rows.square().sum(1)
    taken: list[int] = []
    while len(taken) < min(n + len(labeled), len(rows)):
        left = gram.diagonal().clone()
        left[taken] = -torch.inf
        best = int((left + slack >= (left - slack).amax()).nonzero()[0])
        row = best if len(taken) >= len(labeled) else int(labeled[len(taken)])
        taken.append(row)
        if gram[row, row] > slack[row]:
            gram -= torch.outer(gram[row], gram[row]) / gram[row, row]
    return taken[len(labeled) :]


@pytest.mark.parametrize("sigma", [0.3, 3.0])
@pytest.mark.parametrize("seed", range(25))
def test_same_picks_as_the_plain_decomposition(seed: int, sigma: float) -> None:
    features, labeled = awkward_features(seed, 300)
    if seed % 5 == 3:
        features = features - 1000
    assert max_det(features, labeled, 50, sigma=sigma).tolist() == plain(features, labeled, 50, sigma)


@pytest.mark.parametrize("seed", range(10))
def test_without_noise_picks_go_on_until_the_dimensions_are_spent(seed: int) -> None:
    features, labeled = awkward_features(5 * seed, 300)
    rank = max(0, min(len(features), features.shape[1]) - len(labeled))
    picks = max_det(features, labeled, 80).tolist()
    assert picks[:rank] == plain(features, labeled, rank, 0.0)
    free = [row for row in range(len(features)) if row not in {*picks[:rank], *labeled.tolist()}]
    assert picks[rank:] == free[: 80 - rank]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_picks_as_bmdal_reg_3_0_2(dtype: torch.dtype) -> None:
    features, labeled = wave_features(250, 24).to(dtype), torch.tensor([3, 100, 7])
    alone = [40, 215, 117, 208, 159, 89, 124, 201, 54, 166, 33, 152, 138, 82, 19, 243, 5, 236, 11]
    beside = [40, 215, 208, 117, 159, 89, 166, 201, 124, 54, 138, 194, 243, 229, 47, 236, 5, 33, 19, 26]
    assert max_det(features, NONE, 20, sigma=0.3).tolist() == [*alone, 61]
    assert max_det(features, NONE, 20).tolist() == [*alone, 47]
    assert max_det(features, labeled, 20, sigma=0.3).tolist() == beside
    assert max_det(features, labeled, 20).tolist() == beside


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_every_pick_makes_the_largest_determinant(sigma: float) -> None:
    features = wave_features(40, 6)
    picks = max_det(features, NONE, 5, sigma=sigma).tolist()
    gram = features.double() @ features.double().T + sigma**2 * torch.eye(40, dtype=torch.float64)
    for count, pick in enumerate(picks):
        sets = [[*picks[:count], row] for row in range(40) if row not in picks[:count]]
        best = max(sets, key=lambda rows: float(torch.logdet(gram[rows][:, rows])))
        assert best[-1] == pick


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_more_labelled_rows_than_dimensions(sigma: float) -> None:
    features, labeled = wave_features(300, 24), torch.arange(0, 120, 2)
    if sigma:
        assert max_det(features, labeled, 30, sigma=sigma).tolist() == plain(features, labeled, 30, sigma)
    else:
        assert max_det(features, labeled, 3).tolist() == [1, 3, 5]


def test_outer_products_are_picked_as_if_formed() -> None:
    left, right = wave_features(800, 4), wave_features(800, 9)
    formed = (left.double()[:, :, None] * right.double()[:, None, :]).flatten(1)
    picks = max_det(OuterProduct(left, right), NONE, 150, sigma=0.1)
    assert picks.tolist() == plain(formed, NONE, 150, 0.1)


@pytest.mark.parametrize(("n", "count"), [(-1, 0), (0, 0), (3, 3), (99, 8)])
def test_as_many_as_there_are(n: int, count: int) -> None:
    picks = max_det(wave_features(10, 3), torch.tensor([2, 5]), n)
    assert picks.dtype == torch.int64
    assert len(picks.unique()) == len(picks) == count
    assert not set(picks.tolist()) & {2, 5}


def test_features_are_not_written_to() -> None:
    features = wave_features(50, 24).double()
    max_det(features, NONE, 5)
    assert torch.equal(features, wave_features(50, 24).double())


def test_negative_noise_is_refused() -> None:
    with pytest.raises(ConfigError, match="sigma"):
        max_det(wave_features(10, 3), NONE, 2, sigma=-1)
