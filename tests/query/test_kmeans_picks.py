"""k-means picks: the rows in the middle, one a cluster, with and without weights."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.kmeans import kmeans


def clumps() -> tuple[Tensor, Tensor]:
    """Three clumps of 30, 20 and 10 rows, shuffled, and the clump of each row."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.tensor([0] * 30 + [1] * 20 + [2] * 10)[torch.randperm(60, generator=generator)]
    corners = torch.tensor([[0.0, 0.0], [90.0, 0.0], [0.0, 90.0]])
    return corners[kinds] + torch.randn(60, 2, generator=generator), kinds


def nearest_to_mean(features: Tensor, member: Tensor, weights: Tensor) -> int:
    mean = (features * weights[:, None])[member].sum(dim=0) / weights[member].sum()
    gaps = (features - mean).square().sum(dim=1)
    return int(torch.where(member, gaps, torch.inf).argmin())


def test_the_row_in_the_middle_of_each_clump_largest_first() -> None:
    features, kinds = clumps()
    expected = [nearest_to_mean(features, kinds == kind, torch.ones(60)) for kind in range(3)]
    for seed in range(4):
        assert kmeans(features, 3, generator=torch.Generator().manual_seed(seed)).tolist() == expected


def test_weights_draw_the_middle_and_the_order() -> None:
    features, kinds = clumps()
    weights = torch.rand(60, generator=torch.Generator().manual_seed(1)) ** 4
    weights[kinds == 2] += 10
    weights[kinds == 0] /= 10
    expected = [nearest_to_mean(features, kinds == kind, weights) for kind in (2, 1, 0)]
    assert kmeans(features, 3, weights=weights).tolist() == expected
    assert kmeans(features, 3).tolist() != expected


def test_rows_that_repeat_fill_up() -> None:
    features = torch.eye(3).repeat(10, 1)
    picks = kmeans(features, 12)
    assert len(picks.unique()) == 12
    assert len(features[picks[:3]].unique(dim=0)) == 3


def test_never_more_than_there_are() -> None:
    features, _ = clumps()
    assert sorted(kmeans(features, 99).tolist()) == list(range(60))
    assert kmeans(features, 0).tolist() == kmeans(features[:0], 4).tolist() == []
