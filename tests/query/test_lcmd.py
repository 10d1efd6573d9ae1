"""LCMD against the plain algorithm in float64 and against bmdal_reg."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alrun.query.selection.features import OuterProduct
from alrun.query.selection.lcmd import lcmd
from alrun.testing.selection import LargestAllocation, awkward_features, mapped_features, wave_features

NONE = torch.zeros(0, dtype=torch.int64)


@pytest.fixture(params=[0, 1 << 60], ids=["guessing", "one by one"], autouse=True)
def worthwhile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each of the two ways in turn, whatever the size."""
    monkeypatch.setattr(sys.modules["alrun.query.selection.lcmd"], "WORTHWHILE", request.param)


def next_pick(rows: Tensor, nearest: Tensor, member: Tensor, taken: list[int]) -> int:
    if not taken:
        return int(rows.square().sum(1).argmax())
    weights = torch.bincount(member, weights=nearest)
    if weights.amax() == 0:
        return next(row for row in range(len(rows)) if row not in taken)
    return int(torch.where(weights[member] == weights.amax(), nearest, -1).argmax())


def plain(features: Tensor, labeled: Tensor, n: int) -> list[int]:
    """The farthest of the heaviest cluster, one column of differences a pick."""
    rows = features.double()
    nearest = torch.full((len(rows),), torch.inf, dtype=torch.float64)
    member = torch.zeros(len(rows), dtype=torch.int64)
    taken: list[int] = []
    while len(taken) < min(n + len(labeled), len(rows)):
        started = len(taken) >= len(labeled)
        row = next_pick(rows, nearest, member, taken) if started else int(labeled[len(taken)])
        apart = (rows - rows[row]).square().sum(1)
        member[apart < nearest] = len(taken)
        nearest = torch.minimum(nearest, apart)
        taken.append(row)
    return taken[len(labeled) :]


@pytest.mark.parametrize("seed", range(35))  # each kind with each number of labeled rows
def test_same_picks_as_the_plain_algorithm(seed: int) -> None:
    features, labeled = awkward_features(seed)
    assert lcmd(features, labeled, 70).tolist() == plain(features, labeled, 70)


def test_same_picks_as_the_plain_algorithm_past_the_sample() -> None:
    features = torch.randn(5000, 24, generator=torch.Generator().manual_seed(0))
    assert lcmd(features, NONE, 250).tolist() == plain(features, NONE, 250)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_picks_as_bmdal_reg_3_0_2(dtype: torch.dtype) -> None:
    features = wave_features(250, 24).to(dtype)
    alone = [40, 54, 75, 117, 138, 208, 145, 215, 229, 201, 124, 61, 243, 33, 131, 110, 103, 68, 11, 159]
    beside = [117, 40, 124, 215, 54, 159, 103, 208, 33, 96, 26, 201, 138, 166, 11, 89, 194, 187, 19, 243]
    assert lcmd(features, NONE, 20).tolist() == alone
    assert lcmd(features, torch.tensor([3, 100, 7]), 20).tolist() == beside


@pytest.mark.parametrize("seed", range(6))
def test_outer_products_are_picked_as_if_formed(seed: int) -> None:
    left, _ = awkward_features(seed, 200)
    right = torch.randn(len(left), 9, generator=torch.Generator().manual_seed(seed))
    formed = (left.double()[:, :, None] * right.double()[:, None, :]).flatten(1)
    assert lcmd(OuterProduct(left, right), NONE, 40).tolist() == plain(formed, NONE, 40)


def test_copies_are_picked_last() -> None:
    distinct = torch.randn(30, 50, generator=torch.Generator().manual_seed(0))
    picks = lcmd(distinct.repeat(40, 1), NONE, 60)
    assert sorted((picks[:30] % 30).tolist()) == list(range(30))
    assert len(picks.unique()) == 60


def test_a_file_is_read_and_not_copied(tmp_path: Path) -> None:
    features = torch.randn(300_000, 64, generator=torch.Generator().manual_seed(0))
    mapped = mapped_features(tmp_path / "features.bin", features)
    with LargestAllocation(mapped) as watch:
        picks = lcmd(mapped, NONE, 20)
    assert len(picks.unique()) == 20
    assert watch.nbytes <= 64 << 20 < mapped.nbytes


@pytest.mark.parametrize(("n", "count"), [(-1, 0), (0, 0), (3, 3), (99, 8)])
def test_as_many_as_there_are(n: int, count: int) -> None:
    picks = lcmd(wave_features(10, 3), torch.tensor([2, 5]), n)
    assert picks.dtype == torch.int64
    assert len(picks.unique()) == len(picks) == count
    assert not set(picks.tolist()) & {2, 5}
