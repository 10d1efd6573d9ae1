"""k-center against the plain algorithm in float64 and against bmdal_reg."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError, StrategyError
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.k_center import k_center
from alrun.testing.selection import LargestAllocation, awkward_features, mapped_features, wave_features

NONE = torch.zeros(0, dtype=torch.int64)


def plain(features: Tensor, labeled: Tensor, n: int) -> list[int]:
    """Farthest first, one column of differences a pick."""
    rows = features.double()
    nearest = torch.full((len(rows),), torch.inf, dtype=torch.float64)
    picks: list[int] = []
    todo = labeled.tolist()
    while todo or len(picks) < min(n, len(rows) - len(labeled)):
        if todo:
            row = todo.pop(0)
        else:
            row = int((rows.square().sum(1) if nearest[0] == torch.inf else nearest).argmax())
            picks.append(row)
        nearest = torch.minimum(nearest, (rows - rows[row]).square().sum(1))
        nearest[[*labeled.tolist(), *picks]] = -1
    return picks


@pytest.mark.parametrize("seed", range(35))  # each kind with each number of labeled rows
def test_same_picks_as_the_plain_algorithm(seed: int) -> None:
    features, labeled = awkward_features(seed)
    assert k_center(features, labeled, 90).tolist() == plain(features, labeled, 90)


def test_same_picks_as_the_plain_algorithm_past_the_shortlist() -> None:
    features = torch.randn(5000, 24, generator=torch.Generator().manual_seed(0))
    assert k_center(features, NONE, 300).tolist() == plain(features, NONE, 300)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_picks_as_bmdal_reg_3_0_2(dtype: torch.dtype) -> None:
    features = wave_features(250, 24).to(dtype)
    alone = [40, 54, 61, 201, 159, 117, 124, 138, 215, 236, 243, 208, 145, 229, 89, 33, 96, 152, 12, 103]
    beside = [117, 40, 124, 215, 54, 159, 103, 208, 33, 96, 26, 201, 138, 166, 152, 11, 68, 89, 194, 187]
    assert k_center(features, NONE, 20).tolist() == alone
    assert k_center(features, torch.tensor([3, 100, 7]), 20).tolist() == beside


@pytest.mark.parametrize("seed", range(6))
def test_outer_products_are_picked_as_if_formed(seed: int) -> None:
    left, _ = awkward_features(seed, 200)
    right = torch.randn(len(left), 9, generator=torch.Generator().manual_seed(seed))
    formed = (left.double()[:, :, None] * right.double()[:, None, :]).flatten(1)
    assert k_center(OuterProduct(left, right), NONE, 40).tolist() == plain(formed, NONE, 40)


def test_copies_are_picked_last() -> None:
    distinct = torch.randn(30, 50, generator=torch.Generator().manual_seed(0))
    picks = k_center(distinct.repeat(40, 1), NONE, 60)
    assert sorted((picks[:30] % 30).tolist()) == list(range(30))
    assert len(picks.unique()) == 60


def test_a_file_is_read_and_not_copied(tmp_path: Path) -> None:
    features = torch.randn(100_000, 64, generator=torch.Generator().manual_seed(0))
    mapped = mapped_features(tmp_path / "features.bin", features)
    with LargestAllocation(mapped) as watch:
        picks = k_center(mapped, NONE, 150)
    assert picks.tolist() == k_center(features, NONE, 150).tolist()
    assert watch.nbytes <= 8 << 20


@pytest.mark.parametrize(("n", "count"), [(-1, 0), (0, 0), (3, 3), (99, 8)])
def test_as_many_as_there_are(n: int, count: int) -> None:
    picks = k_center(wave_features(10, 3), torch.tensor([2, 5]), n)
    assert picks.dtype == torch.int64
    assert len(picks.unique()) == len(picks) == count
    assert not set(picks.tolist()) & {2, 5}


@pytest.mark.parametrize("labeled", [torch.tensor([10]), torch.tensor([1, 1]), torch.tensor([0.5]), torch.tensor([-1])])
def test_labelled_rows_that_are_none_are_refused(labeled: Tensor) -> None:
    with pytest.raises(ConfigError, match="labeled"):
        k_center(wave_features(10, 3), labeled, 2)


def test_features_that_are_not_finite_are_refused_with_their_row() -> None:
    features = wave_features(10, 3)
    features[7, 1] = torch.nan
    with pytest.raises(StrategyError, match="row 7"):
        k_center(features, NONE, 2)
