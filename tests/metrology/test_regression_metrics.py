"""Regression metrics against scikit-learn and closed forms, over batches of unequal size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from sklearn import metrics as reference
from torch.distributions import Normal

from alrun.core.types import Moments, Prediction
from alrun.data.diabetes import Diabetes
from alrun.inference.mc_dropout import MCDropout
from alrun.metrology.regression import Regression, predictive_moments, regression_metrics

if TYPE_CHECKING:
    from tests.metrology.conftest import MakeDriver


@pytest.mark.parametrize(("targets", "scale"), [(1, 1.0), (3, 1e-4), (2, 1e4)])
def test_against_scikit_learn_in_any_unit(targets: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(targets)
    mean = scale * torch.randn(57, targets, generator=generator, dtype=torch.float64)
    truth = mean + scale * (5 + torch.randn(57, targets, generator=generator, dtype=torch.float64))
    variance = scale**2 * torch.rand(57, targets, generator=generator, dtype=torch.float64).add(0.1)
    batches = [(Moments(m, v), y) for m, v, y in zip(mean.split(10), variance.split(10), truth.split(10), strict=True)]
    predictive = Normal(mean, variance.sqrt())
    assert regression_metrics(batches, targets) == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(truth, mean),
            "mae": reference.mean_absolute_error(truth, mean),
            "r2": reference.r2_score(truth, mean),
            "nlpd": -predictive.log_prob(truth).mean().item(),
            "coverage_90": (predictive.cdf(truth) - 0.5).abs().le(0.45).double().mean().item(),
        },
        rel=1e-6,
    )


def test_a_calibrated_gaussian_covers_nine_targets_in_ten() -> None:
    # Quantiles of the predictive distribution itself: coverage is exact up to one in the number of rows.
    levels = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    deviation = torch.linspace(0.1, 10, 1000, dtype=torch.float64)
    shuffled = levels[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    truth = Normal(7.0, deviation).icdf(shuffled)
    values = regression_metrics([(Moments(torch.full_like(truth, 7)[:, None], deviation[:, None] ** 2), truth)], 1)
    assert values["coverage_90"] == pytest.approx(0.9, abs=1e-12)


def test_without_variance_uncertainty_is_not_reported() -> None:
    mean = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    values = regression_metrics([(Moments(mean, torch.zeros_like(mean)), mean + 1)], 1)
    assert values == pytest.approx({"rmse": 1.0, "mae": 1.0, "r2": 1 - 1 / 0.25})


@pytest.mark.parametrize("truth", [[[3.0]], [[3.0], [3.0]]])
def test_r2_needs_targets_that_differ(truth: list[list[float]]) -> None:
    targets = torch.tensor(truth, dtype=torch.float64)
    assert "r2" not in regression_metrics([(Moments(targets + 1, torch.ones_like(targets)), targets)], 1)


def test_posterior_samples_become_the_moments_of_their_mixture() -> None:
    # Two samples N(0, 1) and N(2, 3): mean 1, variance (1 + 3) / 2 + 1.
    outputs = torch.tensor([[[0.0, math.log(1.0)]], [[2.0, math.log(3.0)]]])
    moments = predictive_moments(Prediction(torch.tensor([0]), outputs, stochastic=True), 1)
    assert moments.mean.item() == pytest.approx(1.0)
    assert moments.variance.item() == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("likelihood", "stochastic", "uncertain"),
    [("mean", False, False), ("gaussian", False, True), ("mean", True, True)],
)
def test_measures_the_test_pool(make_driver: MakeDriver, likelihood: str, stochastic: bool, uncertain: bool) -> None:
    strategy = Regression()
    inference = MCDropout(num_passes=5) if stochastic else None
    driver = make_driver(Diabetes(), strategy, inference=inference, likelihood=likelihood)
    strategy()
    pool = driver.test_pool
    assert pool is not None
    found = {record["metric"]: record["value"] for record in strategy.records}
    assert found.keys() == strategy.metrics.keys() - (set() if uncertain else {"nlpd", "coverage_90"})
    outputs = torch.cat([prediction.outputs for prediction in driver.predictor(pool)], dim=-2)
    mean = outputs[..., :1].mean(dim=0) if stochastic else outputs[:, :1]
    rmse = reference.root_mean_squared_error(pool.targets(torch.arange(len(pool))), mean)
    assert found["rmse"] == pytest.approx(rmse, rel=1e-5)
