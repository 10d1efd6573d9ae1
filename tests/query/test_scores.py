"""Scores against closed forms and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy  # type: ignore[import-untyped]

from alrun.core.types import Moments
from alrun.query.scores import bald, entropy, least_confidence, margin, predictive_variance

UNIFORM = torch.full((1, 4), 0.25)
CERTAIN = torch.tensor([[0.0, 1.0, 0.0]])


def sampled(samples: int, rows: int, classes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (3 * torch.randn(samples, rows, classes, generator=generator)).softmax(dim=-1)


def test_closed_forms_at_the_ends() -> None:
    assert entropy(UNIFORM).item() == pytest.approx(math.log(4))
    assert margin(UNIFORM).item() == 0
    assert least_confidence(UNIFORM).item() == 0.75
    assert [score(CERTAIN).item() for score in (entropy, margin, least_confidence)] == [0, -1, 0]


def test_entropy_agrees_with_scipy() -> None:
    probabilities = sampled(1, 200, 7)[0].double()
    reference = scipy_entropy((probabilities / probabilities.sum(dim=1, keepdim=True)).numpy(), axis=1)
    np.testing.assert_allclose(entropy(probabilities).numpy(), reference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(entropy(probabilities.float()).numpy(), reference, rtol=1e-4, atol=1e-6)


def test_margin_and_confidence_agree_with_a_sort() -> None:
    probabilities = sampled(1, 200, 7)[0]
    ordered = np.sort(probabilities.numpy(), axis=1)
    np.testing.assert_array_equal(margin(probabilities).numpy(), ordered[:, -2] - ordered[:, -1])
    np.testing.assert_array_equal(least_confidence(probabilities).numpy(), 1 - ordered[:, -1])


@pytest.mark.parametrize("score", [entropy, margin, least_confidence])
def test_predictive_scores_the_mean_and_expected_averages(score: object) -> None:
    assert callable(score)
    samples = sampled(5, 50, 3)
    torch.testing.assert_close(score(samples), score(samples.mean(dim=0)))
    torch.testing.assert_close(score(samples, True), torch.stack([score(sample) for sample in samples]).mean(dim=0))
    torch.testing.assert_close(score(samples[0], True), score(samples[0], False), rtol=0, atol=0)


def test_bald_is_the_mutual_information() -> None:
    # Joint p(k, c) = p(c | k) / K by hand: two sure samples that disagree share one bit with the label.
    disagree = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert bald(disagree).item() == pytest.approx(math.log(2))
    joint = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64) / 2
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    information = (joint * (joint / independent).log()).sum().item()
    assert bald(2 * joint[:, None]).item() == pytest.approx(information, rel=1e-12)


def test_bald_is_zero_where_samples_agree_and_never_negative() -> None:
    one = sampled(1, 100, 5)
    assert bald(one).eq(0).all()
    assert bald(one.expand(20, -1, -1)).ge(0).all()
    assert bald(one.expand(20, -1, -1)).max() < 1e-6
    assert bald(torch.eye(3).expand(4, 3, 3)).eq(0).all()


def test_variance_follows_the_law_of_total_variance() -> None:
    mean = torch.tensor([[[0.0, 1.0]], [[2.0, 1.0]]])
    variance = torch.tensor([[[1.0, 4.0]], [[3.0, 0.0]]])
    # Target 0: within 2, between 1; target 1: within 2, between 0; averaged over both.
    assert predictive_variance(Moments(mean, variance)).tolist() == [2.5]
    assert predictive_variance(Moments(mean[0], variance[0])).tolist() == [2.5]
