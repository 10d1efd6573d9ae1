"""Core-MSE, BALSA, information density, expected gradients and streamed volumes by their definitions."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import gaussian_moments, probabilities
from alrun.core.queues import FifoQueue
from alrun.core.types import Moments, Task
from alrun.query.balsa import Balsa, paired_divergence
from alrun.query.core_mse import CoreMse, quadratic_gain, sample_products
from alrun.query.expected_gradient import ExpectedGradient, expected_gradient_length
from alrun.query.features.inputs import Inputs
from alrun.query.features.unit import Unit
from alrun.query.gather import gather
from alrun.query.information_density import InformationDensity
from alrun.query.scores import epig
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.volume_stream import volume_stream
from alrun.testing.host import hosted

NONE = torch.empty(0, dtype=torch.int64)


def sampled(strategy: Any, driver: Any) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return queue.to_list()


def posterior(rows: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(7, rows, 3, generator=generator, dtype=torch.float64)).softmax(dim=-1)


def updated(candidates: Tensor, targets: Tensor) -> Tensor:
    """Return the predictions for targets ``[N, C, M, C]`` once the label of a candidate is known."""
    weights = candidates / candidates.sum(dim=0)
    return torch.einsum("knc,kmd->ncmd", weights, targets)


def test_core_mse_is_the_expected_gain_in_the_brier_score() -> None:
    candidates, targets = posterior(20), posterior(15, seed=1)
    after, mean = updated(candidates, targets), targets.mean(dim=0)
    expected = (candidates.mean(dim=0) * (after - mean).square().sum(dim=(2, 3))).sum(dim=1)
    found = quadratic_gain(candidates, sample_products(targets))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    # The Brier score of the truth, drawn from a sample, before and after.
    truth = targets.square().sum() / len(targets)
    before = -(truth - mean.square().sum())
    later = -(truth - (candidates.mean(dim=0) * after.square().sum(dim=(2, 3))).sum(dim=1))
    torch.testing.assert_close(found, later - before, rtol=1e-9, atol=1e-12)


def test_the_authors_score_differs_by_a_constant() -> None:
    candidates, targets = posterior(20), posterior(15, seed=1)
    after = updated(candidates, targets)
    spread = (targets[:, None, None] - after).square().sum(dim=(0, 3, 4))
    theirs = (candidates.mean(dim=0) * spread).sum(dim=1) / targets.shape[1]
    ours = quadratic_gain(candidates, sample_products(targets)) / targets.shape[1]
    assert float((theirs - 7 * ours).std()) < 1e-12


def test_core_log_is_the_predictive_gain() -> None:
    candidates, targets = posterior(20), posterior(15, seed=1)
    after, mean = updated(candidates, targets), targets.mean(dim=0)
    gains = (after * (after / mean).log()).sum(dim=3).mean(dim=2)
    expected = (candidates.mean(dim=0) * gains).sum(dim=1)
    torch.testing.assert_close(epig(candidates, targets), expected, rtol=1e-6, atol=1e-12)


def test_core_mse_looks_at_the_whole_pool(tmp_path: Path) -> None:
    strategy = CoreMse(7)
    with hosted(tmp_path / "run", stochastic=True) as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool))
        found = probabilities(torch.cat([chunk.outputs for chunk in chunks], dim=1)).double()
        after, mean = updated(found, found), found.mean(dim=0)
        gains = (mean * (after - mean).square().sum(dim=(2, 3))).sum(dim=1) / len(mean)
        best = gains.argsort(descending=True)[:7]
        assert sampled(strategy, driver) == driver.unlabeled_pool.indices[best].tolist()
        assert strategy.report.scores == pytest.approx(gains[best].tolist(), rel=1e-3)
    with hosted(tmp_path / "plain") as driver, pytest.raises(StrategyError, match="posterior samples"):
        sampled(CoreMse(3), driver)


@pytest.mark.parametrize(("measure", "beta"), [("entropy", 1.0), ("margin", 2.0), ("least_confidence", 0.0)])
def test_density_is_the_mean_cosine(tmp_path: Path, measure: str, beta: float) -> None:
    strategy = InformationDensity(8, measure=measure, beta=beta)
    with hosted(tmp_path / "run") as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool, embeddings=True))
        rows = torch.cat([chunk.embeddings for chunk in chunks if chunk.embeddings is not None]).double()
        chances = probabilities(torch.cat([chunk.outputs for chunk in chunks])).double()
        best = chances.sort(dim=1, descending=True).values
        uncertain = {
            "entropy": -(chances * chances.log()).sum(dim=1),
            "margin": 1 - (best[:, 0] - best[:, 1]),
            "least_confidence": 1 - best[:, 0],
        }[measure]
        similar = functional.cosine_similarity(rows[:, None], rows[None], dim=2).mean(dim=1).clamp_min(0)
        scores = uncertain * similar**beta
        top = scores.argsort(descending=True)[:8]
        assert sampled(strategy, driver) == driver.unlabeled_pool.indices[top].tolist()
        assert strategy.report.scores == pytest.approx(scores[top].tolist(), rel=1e-4)


def test_gradient_lengths_are_those_of_autograd(tmp_path: Path) -> None:
    layer = torch.nn.Linear(5, 3)
    rows = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    chances = layer(rows).softmax(dim=1).detach()
    expected = []
    for row, chance in zip(rows, chances, strict=True):
        total = 0.0
        for label in range(3):
            layer.zero_grad()
            functional.cross_entropy(layer(row[None]), torch.tensor([label])).backward()
            squares = sum(float(part.grad.square().sum()) for part in layer.parameters() if part.grad is not None)
            total += float(chance[label]) * squares**0.5
        expected.append(total)
    assert expected_gradient_length(chances, rows).tolist() == pytest.approx(expected, rel=1e-5)
    with hosted(tmp_path / "run") as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool, embeddings=True))
        inputs = torch.cat([chunk.embeddings for chunk in chunks if chunk.embeddings is not None])
        lengths = expected_gradient_length(probabilities(torch.cat([chunk.outputs for chunk in chunks])), inputs)
        best = lengths.argsort(descending=True, stable=True)[:6]
        assert sampled(ExpectedGradient(6), driver) == driver.unlabeled_pool.indices[best].tolist()


def test_paired_divergence_is_that_of_the_distributions(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(5, 6, 2, generator=generator)
    variance = torch.rand(5, 6, 2, generator=generator) + 0.1
    laws = [torch.distributions.Normal(m, v.sqrt()) for m, v in zip(mean.double(), variance.double(), strict=True)]
    pairs = [torch.distributions.kl_divergence(a, b) for a, b in itertools.pairwise(laws)]
    torch.testing.assert_close(paired_divergence(Moments(mean, variance)), torch.stack(pairs).sum(dim=(0, 2)))
    with hosted(tmp_path / "run", Task.REGRESSION, stochastic=True) as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool))
        scores = paired_divergence(gaussian_moments(torch.cat([chunk.outputs for chunk in chunks], dim=1), 1))
        best = scores.argsort(descending=True, stable=True)[:6]
        assert sampled(Balsa(6), driver) == driver.unlabeled_pool.indices[best].tolist()
        forward = driver.learner.forward
        driver.learner.forward = lambda inputs: forward(inputs)[..., :1]
        with pytest.raises(StrategyError, match="likelihood=gaussian"):
            sampled(Balsa(3), driver)


def stream(features: Tensor, n: int, seed: int, scale: float) -> list[int]:
    """The authors' loop over rows, with the inverse covariance kept up to date by Woodbury's identity."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(features), generator=generator).tolist()
    chances = torch.rand(len(features), dtype=torch.float64, generator=generator).tolist()
    rows = features.double()
    inverse, covariance = scale * torch.eye(rows.shape[1]).double(), torch.zeros(rows.shape[1], rows.shape[1]).double()
    picks: list[int] = []
    for time, row in enumerate(order):
        if len(picks) == n:
            break
        vector = rows[row]
        volume = vector @ inverse @ vector
        covariance = time / (time + 1) * covariance + torch.outer(vector, vector) / (time + 1)
        rate = (n - len(picks)) / (len(rows) - time)
        if chances[time] < rate / torch.trace(covariance @ inverse) * volume:
            picks.append(row)
            turned = inverse @ vector
            inverse = inverse - torch.outer(turned, turned) / (1 + volume)
    return picks


@pytest.mark.parametrize(("n", "scale"), [(5, 100.0), (60, 1.0), (200, 0.01)])
def test_the_stream_is_that_of_the_loop(n: int, scale: float) -> None:
    features = torch.randn(500, 12, generator=torch.Generator().manual_seed(n)).double()
    expected = stream(features, n, 3, scale)
    found = volume_stream(features, n, generator=torch.Generator().manual_seed(3), scale=scale).tolist()
    assert found[: len(expected)] == expected
    assert 0.5 * n <= len(expected)
    assert len(set(found)) == len(found) == n


def test_factors_stream_as_their_products_do_and_all_rows_come() -> None:
    generator = torch.Generator().manual_seed(3)
    left, right = torch.randn(200, 3, generator=generator).double(), torch.randn(200, 4, generator=generator).double()
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    assert torch.equal(volume_stream(OuterProduct(left, right), 30), volume_stream(formed, 30))
    assert sorted(volume_stream(torch.zeros(6, 2), 99).tolist()) == [0, 1, 2, 3, 4, 5]
    assert volume_stream(torch.ones(6, 2), 0).tolist() == []


def test_unit_features_are_directions(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        plain = gather(driver, NONE, Inputs()).features
        scaled = gather(driver, NONE, Unit(Inputs())).features
        assert isinstance(plain, Tensor)
        torch.testing.assert_close(scaled, functional.normalize(plain, dim=1))


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="measure") as refused:
        InformationDensity(3, measure="entropie", beta=-1.0)
    assert "query.information_density.beta" in str(refused.value)
