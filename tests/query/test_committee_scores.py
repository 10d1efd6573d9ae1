"""Scores of samples that vote or differ: naive counts, a peer's values, the ends, and very many rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from alrun.query.scores import (
    bald,
    consensus_kl,
    entropy,
    least_confidence,
    margin,
    shannon,
    variation_ratio,
    vote_entropy,
)

EIGHTHS = torch.tensor(
    [
        [[6, 1, 1], [0, 8, 0], [2, 3, 3], [4, 4, 0]],
        [[1, 6, 1], [0, 8, 0], [3, 3, 2], [0, 4, 4]],
        [[5, 2, 1], [0, 8, 0], [2, 2, 4], [7, 1, 0]],
    ]
)
OF_ONE = {"entropy": entropy, "margin": margin, "least_confidence": least_confidence}
OF_SAMPLES = {
    "bald": bald,
    "variation_ratio": variation_ratio,
    "expected_variation_ratio": lambda p: variation_ratio(p, True),
    "vote_entropy": vote_entropy,
    "consensus_kl": consensus_kl,
}
SCORES: dict[str, Callable[[Tensor], Tensor]] = {**OF_ONE, **OF_SAMPLES}


def sampled(samples: int, rows: int, classes: int, sharpness: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (sharpness * torch.randn(samples, rows, classes, generator=generator)).softmax(dim=-1)


def votes(probabilities: Tensor) -> list[Counter[int]]:
    """Return how many samples vote for which class, row by row."""
    return [Counter(row.argmax(dim=-1).tolist()) for row in probabilities.unbind(dim=1)]


def test_values_of_scikit_activeml() -> None:
    # scikit-activeml 1.0.1: vote_entropy and average_kl_divergence.
    probabilities = EIGHTHS.double() / 8
    expected = [0.63651417, 0, 1.09861229, 0.63651417]
    assert vote_entropy(probabilities).tolist() == pytest.approx(expected, abs=1e-8)
    # Of the last row, which has zeros, the peer clips the probabilities.
    divergence = [0.18381478, 0, 0.02535303]
    assert consensus_kl(probabilities).tolist()[:3] == pytest.approx(divergence, abs=1e-8)


def test_votes_are_counted() -> None:
    probabilities = sampled(7, 300, 4)
    counts = votes(probabilities)
    ratio = [1 - max(count.values()) / 7 for count in counts]
    surprise = [-sum(n / 7 * math.log(n / 7) for n in count.values()) for count in counts]
    assert variation_ratio(probabilities).tolist() == pytest.approx(ratio, abs=1e-6)
    assert vote_entropy(probabilities).tolist() == pytest.approx(surprise, abs=1e-6)


def test_the_expected_variation_ratio_doubts_the_most_voted_class() -> None:
    probabilities = sampled(7, 300, 4).double()
    # The lowest of the most voted classes.
    winners = [min(count, key=lambda c: (-count[c], c)) for count in votes(probabilities)]
    doubts = [1 - float(probabilities[:, row, winner].mean()) for row, winner in enumerate(winners)]
    assert variation_ratio(probabilities, True).tolist() == pytest.approx(doubts, abs=1e-12)


def test_divergence_from_the_consensus_is_bald() -> None:
    probabilities = sampled(9, 300, 6).double()
    torch.testing.assert_close(consensus_kl(probabilities), bald(probabilities), rtol=1e-10, atol=1e-14)


def test_small_divergences_keep_their_precision_in_float32() -> None:
    probabilities = sampled(9, 300, 6, sharpness=0.01)
    exact = consensus_kl(probabilities.double())
    assert exact.max() < 1e-3
    torch.testing.assert_close(consensus_kl(probabilities).double(), exact, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", SCORES)
def test_a_million_rows_in_float32(name: str) -> None:
    probabilities = sampled(1, 1_000_000, 5, sharpness=60)[0]
    assert probabilities.eq(0).any()
    assert probabilities.eq(1).any()
    if name in OF_SAMPLES:
        probabilities = torch.stack([probabilities, probabilities.roll(1, dims=0)])
    found = SCORES[name](probabilities)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found.double(), SCORES[name](probabilities.double()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_nan_among_the_probabilities_is_nan_in_the_score(name: str) -> None:
    probabilities = sampled(3, 4, 3) if name in OF_SAMPLES else sampled(1, 4, 3)[0]
    probabilities[..., 2, 1] = math.nan
    assert SCORES[name](probabilities).isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("score", [shannon, margin])
@pytest.mark.parametrize("classes", [2, 3, 7, 10, 64])
def test_equal_rows_score_the_same_to_the_bit_wherever_they_stand(
    score: Callable[[Tensor], Tensor], classes: int
) -> None:
    rows = sampled(1, 3, classes)[0]
    for count in (1, 5, 17, 300_001 // classes):
        found = score(rows.repeat(count, 1)).view(count, 3)
        assert bool((found == score(rows)).all())


def test_the_two_largest_are_found_however_many_classes_there_are() -> None:
    for classes in range(2, 20):
        probabilities = (sampled(1, 500, classes)[0] * 4).round() / 4
        best = probabilities.sort(dim=-1, descending=True).values
        torch.testing.assert_close(margin(probabilities), best[:, 1] - best[:, 0], rtol=0, atol=0)
