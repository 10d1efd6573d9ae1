"""Herding against the plain greedy algorithm and scikit-activeml; uncertainties and temperatures by definition."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.errors import ConfigError
from alrun.core.queues import FifoQueue
from alrun.query.selection import herding as module
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.herding import herding
from alrun.query.temperature import calibrated_temperature, expected_calibration_error, tempered
from alrun.query.uncertainty_herding import UncertaintyHerding
from alrun.testing.host import hosted

NONE = torch.empty(0, dtype=torch.int64)
#: ``MaxHerding(metric_dict={"gamma": radius ** -2})`` of scikit-activeml 1.0.1 on ``blobs()``.
SCIKIT_ACTIVEML = {
    1.0: [241, 244, 245, 51, 102, 272, 106, 253, 9, 227, 98, 284, 182, 141, 156, 81, 132, 233, 10, 184],
    0.2: [283, 106, 102, 245, 200, 51, 9, 204, 184, 10, 206, 233, 132, 227, 278, 15, 11, 254, 133, 6],
}


def blobs() -> Tensor:
    """Six clusters of 50 rows, interleaved."""
    rng = np.random.default_rng(1)
    centers = rng.integers(-40, 40, (6, 4))
    return torch.from_numpy(centers[np.arange(300) % 6] + np.round(4 * rng.standard_normal((300, 4)) * 8) / 8).float()


def naive(kernel: Tensor, known: list[int], n: int, weights: Tensor) -> list[int]:
    """The plain greedy algorithm on the kernel of all pairs ``[N, N]``."""
    picks, covered = list(known), torch.zeros(len(kernel), dtype=torch.float64)
    for row in known:
        covered = torch.maximum(covered, kernel[row])
    for _ in range(n):
        gains = weights.double() @ (kernel - covered[:, None]).clamp_min(0)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = torch.maximum(covered, kernel[picks[-1]])
    return picks[len(known) :]


def kernel_of(features: Tensor, radius: float, normalize: bool = True) -> Tensor:
    rows = functional.normalize(features.double(), dim=1) if normalize else features.double()
    gaps = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    return (-((gaps / radius) ** 2)).exp()


@pytest.mark.parametrize("radius", SCIKIT_ACTIVEML)
def test_same_picks_as_scikit_activeml(radius: float) -> None:
    assert herding(blobs(), NONE, 20, radius=radius).tolist() == SCIKIT_ACTIVEML[radius]


@pytest.mark.parametrize("known", [[], [5, 17, 300]])
@pytest.mark.parametrize(("columns", "radius"), [(3, 0.02), (3, 1.0), (20, 0.9), (64, 0.3), (64, 3.0)])
def test_same_picks_as_the_plain_greedy_algorithm(columns: int, radius: float, known: list[int]) -> None:
    generator = torch.Generator().manual_seed(columns)
    features = torch.randn(400, columns, generator=generator) + 0.3
    features[200:210] = features[:10]
    labeled = torch.tensor(known, dtype=torch.int64)
    for weights in (None, torch.rand(400, generator=generator)):
        mass = torch.ones(400) if weights is None else weights
        expected = naive(kernel_of(features, radius), known, 60, mass)
        assert herding(features, labeled, 60, radius=radius, weights=weights).tolist() == expected
    apart = naive(kernel_of(features, 4 * radius, normalize=False), known, 20, mass)
    assert herding(features, labeled, 20, radius=4 * radius, normalize=False, weights=mass).tolist() == apart


def test_neither_blocks_nor_factors_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    left, right = torch.randn(200, 3, generator=generator), torch.randn(200, 4, generator=generator)
    formed = (left[:, :, None] * right[:, None, :]).flatten(1)
    whole = herding(formed, torch.tensor([3]), 40)
    assert torch.equal(herding(OuterProduct(left, right), torch.tensor([3]), 40), whole)
    for rows in (1, 7):
        monkeypatch.setattr(module, "_BLOCK_ROWS", rows)
        monkeypatch.setattr(module, "_FEWEST", rows)
        assert torch.equal(herding(formed, torch.tensor([3]), 40), whole)


def test_rows_far_from_the_origin_and_in_half_precision() -> None:
    features = (16 * torch.randn(300, 24, generator=torch.Generator().manual_seed(4))).round() / 16
    near = herding(features, NONE, 30, radius=4.0, normalize=False)
    assert torch.equal(herding(features + 1e4, NONE, 30, radius=4.0, normalize=False), near)
    assert torch.equal(herding(features.half(), NONE, 30), herding(features, NONE, 30))


def test_never_more_than_there_are_and_ties_go_by_position() -> None:
    for features in (torch.zeros(6, 2), torch.ones(6, 40)):
        assert herding(features, torch.tensor([2]), 99).tolist() == [0, 1, 3, 4, 5]
        assert herding(features, NONE, 3, weights=torch.zeros(6)).tolist() == [0, 1, 2]
    assert herding(features, NONE, 0).tolist() == herding(features[:0], NONE, 3).tolist() == []


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf")])
def test_a_radius_is_positive(radius: float) -> None:
    with pytest.raises(ConfigError, match="radius"):
        herding(blobs(), NONE, 3, radius=radius)


def test_calibration_error_is_that_of_the_definition() -> None:
    confidence = torch.tensor([0.1, 0.15, 0.3, 0.55, 0.59, 0.95, 1.0])
    correct = torch.tensor([False, True, False, True, True, True, False])
    edges, expected = np.linspace(0, 1, 6), 0.0
    for low, high in itertools.pairwise(edges):
        held = [i for i, value in enumerate(confidence.tolist()) if low < value <= high]
        if held:
            expected += len(held) / 7 * abs(float(correct[held].double().mean() - confidence[held].double().mean()))
    assert expected_calibration_error(confidence, correct, bins=5) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_a_temperature_undoes_what_logits_were_multiplied_with(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 4, generator=generator)
    targets = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
    assert calibrated_temperature(factor * logits, targets) == pytest.approx(factor, rel=0.11)
    samples = torch.stack([logits, logits + 1])
    torch.testing.assert_close(tempered(samples, 2.0), (logits / 2).softmax(dim=1))


def sampled(strategy: Any, driver: Any, queued: list[int]) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued))
    strategy(queue)
    return queue.to_list()[len(queued) :]


def outputs(driver: Any, pool: Any) -> tuple[Tensor, Tensor]:
    chunks = list(driver.predictor(pool, embeddings=True))
    return torch.cat([chunk.outputs for chunk in chunks]), torch.cat([chunk.embeddings for chunk in chunks])


@pytest.mark.parametrize("temperature", [None, 3.0])
def test_uncertainty_of_unlabeled_rows_and_radius_of_labeled_ones(tmp_path: Path, temperature: float | None) -> None:
    with hosted(tmp_path / "run") as driver:
        pool, queued = driver.unlabeled_pool, driver.unlabeled_pool.indices[:2].tolist()
        logits, rows = outputs(driver, pool)
        embeddings = torch.cat([rows, outputs(driver, driver.training_pool)[1]])
        known = [0, 1, *range(len(pool), len(embeddings))]
        held = driver.validation_pool
        fitted = calibrated_temperature(outputs(driver, held)[0], held.targets(torch.arange(len(held))))
        best = (logits / (temperature or fitted)).softmax(dim=1).sort(dim=1, descending=True).values
        weights = torch.cat([1 - (best[:, 0] - best[:, 1]), torch.zeros(len(embeddings) - len(pool))])
        weights[:2] = 0
        units = functional.normalize(embeddings[known].double(), dim=1)
        radius = torch.pdist(units)[torch.pdist(units) > 1e-6].min()
        expected = naive(kernel_of(embeddings, float(radius)), known, 9, weights)
        strategy = UncertaintyHerding(9, temperature=temperature)
        assert sampled(strategy, driver, queued) == pool.indices[expected].tolist()
        assert strategy.report.scores == pytest.approx(weights[expected].tolist(), abs=1e-6)


def test_what_uncertainty_herding_refuses() -> None:
    with pytest.raises(ConfigError, match="entropy") as refused:
        UncertaintyHerding(3, measure="entropie", temperature=0.0, radius=-1.0)
    for key in ("measure", "temperature", "radius"):
        assert f"query.uncertainty_herding.{key}" in str(refused.value)
