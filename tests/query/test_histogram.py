"""Histogram of scores: exact counts, few bins, and the same whatever the chunks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from alrun.query.histogram import MOST_BINS, RunningHistogram, histogram

GENERATOR = torch.Generator().manual_seed(0)
SCORES = {
    "normal": torch.randn(1000, generator=GENERATOR),
    "negative": -torch.rand(1000, generator=GENERATOR) - 5,
    "one value": torch.full((10,), 0.3),
    "zeros": torch.zeros(10),
    "far apart": torch.tensor([-1e300, 1e-300, 1e300], dtype=torch.float64),
    "tiny": torch.tensor([1e-310, 5e-324, 3e-310], dtype=torch.float64),
    "close": 1 + 1e-7 * torch.arange(5),
    "growing": torch.tensor([0.0, 1e-6, 1e-3, 1.0, 1e3, 1e6]),
    "not finite": torch.tensor([math.inf, 1.0, -math.inf, math.nan, 2.0]),
}


@pytest.fixture(autouse=True, params=[1, 100, 1 << 16])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count as many scores at a time."""
    monkeypatch.setattr("alrun.query.histogram.ROWS", request.param)


@pytest.mark.parametrize("name", SCORES)
def test_counts_are_exact_in_any_order_of_chunks(name: str) -> None:
    scores = SCORES[name]
    found = histogram(scores)
    assert found is not None
    assert len(found.counts) <= MOST_BINS
    assert found.counts[0] > 0 < found.counts[-1]
    places = [math.floor(math.ldexp(one, -found.exponent)) for one in scores.double().tolist() if math.isfinite(one)]
    assert found.counts == [places.count(found.first + i) for i in range(len(found.counts))]
    for order in (torch.arange(len(scores)), torch.arange(len(scores)).flip(0)):
        for size in (1, 3, 64):
            running = RunningHistogram()
            for chunk in scores[order].split(size):
                running.update(chunk)
            assert running.counted() == found


def test_bins_are_as_narrow_as_they_can_be() -> None:
    found = histogram(SCORES["normal"])
    assert found is not None
    halved = (SCORES["normal"].double() * 2.0 ** (1 - found.exponent)).floor()
    assert halved.max() - halved.min() >= MOST_BINS


@pytest.mark.parametrize("scores", [torch.empty(0), torch.tensor([math.nan])])
def test_nothing_to_count(scores: Tensor) -> None:
    assert histogram(scores) is None
