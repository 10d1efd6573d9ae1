"""Strategies in a real driver: picks equal a ranking of the whole pool at once, reports tell its scores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import gaussian_moments, probabilities
from alrun.core.queues import FifoQueue
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.query import scores
from alrun.query.bald import Bald
from alrun.query.base import ScoreQuery
from alrun.query.entropy import Entropy
from alrun.query.least_confidence import LeastConfidence
from alrun.query.margin import Margin
from alrun.query.random import Random
from alrun.query.variance import Variance
from alrun.testing.host import hosted


def everything(driver: Driver) -> tuple[torch.Tensor, torch.Tensor]:
    """All outputs of the unlabeled pool in one piece, samples first where there are any, and their rows."""
    chunks = list(driver.predictor(driver.unlabeled_pool))
    assert len(chunks) > 2
    return torch.cat([c.outputs for c in chunks], dim=-2), torch.cat([c.indices for c in chunks])


def sampled(strategy: Any, driver: Driver) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return queue.to_list()


CLASSIFIERS = [
    (Entropy(9), False, lambda p: scores.entropy(p)),
    (Margin(9), False, lambda p: scores.margin(p)),
    (LeastConfidence(9), False, lambda p: scores.least_confidence(p)),
    (Entropy(9), True, lambda p: scores.entropy(p.mean(dim=0))),
    (Entropy(9, expected=True), True, lambda p: scores.entropy(p, expected=True)),
    (Margin(9, expected=True), True, lambda p: scores.margin(p, expected=True)),
    (LeastConfidence(9, expected=True), True, lambda p: scores.least_confidence(p, expected=True)),
    (Bald(9), True, lambda p: scores.bald(p)),
]


@pytest.mark.parametrize(("strategy", "stochastic", "score"), CLASSIFIERS)
def test_classifier_picks_the_best_of_the_pool(
    strategy: ScoreQuery, stochastic: bool, score: Any, tmp_path: Path
) -> None:
    with hosted(tmp_path / "run", stochastic=stochastic) as driver:
        outputs, rows = everything(driver)
        expected = score(probabilities(outputs))
        picks = sampled(strategy, driver)
    assert picks == rows[expected.argsort(descending=True, stable=True)[:9]].tolist()
    assert strategy.report.scores == expected.sort(descending=True).values[:9].tolist()
    assert strategy.report.pool_mean == pytest.approx(float(expected.double().mean()))


@pytest.mark.parametrize("stochastic", [False, True])
def test_variance_picks_the_least_certain(stochastic: bool, tmp_path: Path) -> None:
    strategy = Variance(9)
    with hosted(tmp_path / "run", Task.REGRESSION, stochastic=stochastic) as driver:
        outputs, rows = everything(driver)
        expected = scores.predictive_variance(gaussian_moments(outputs, 1))
        picks = sampled(strategy, driver)
    assert picks == rows[expected.argsort(descending=True, stable=True)[:9]].tolist()


def test_variance_without_any_variance_says_what_to_do(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", Task.REGRESSION) as driver:
        driver.learner.forward = lambda inputs: inputs[:, :1]
        with pytest.raises(StrategyError, match="inference=mc_dropout"):
            sampled(Variance(3), driver)


def test_bald_without_samples_says_what_to_do(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver, pytest.raises(StrategyError, match="mc_dropout"):
        sampled(Bald(3), driver)


def test_nan_names_strategy_and_row(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        rows = driver.unlabeled_pool.indices
        bad = driver.unlabeled_pool.lookup(rows[40:41])[0]
        forward = driver.learner.forward

        def poisoned(inputs: torch.Tensor) -> Any:
            hit = (inputs == bad).all(dim=1, keepdim=True)
            return torch.where(hit, math.nan, forward(inputs))

        driver.learner.forward = poisoned
        with pytest.raises(StrategyError, match=f"Entropy scored row {int(rows[40])} as NaN"):
            sampled(Entropy(3), driver)


def test_no_samples_no_forward_pass(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        driver.learner.forward = None
        assert sampled(Entropy(0), driver) == []


def test_random_draws_anew_each_step_and_every_row_alike(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        rows = driver.unlabeled_pool.indices.tolist()
        counts = dict.fromkeys(rows, 0)
        steps = 600
        for step in range(steps):
            driver.active_learning_step_idx = step
            for row in sampled(Random(10), driver):
                counts[row] += 1
    rate = 10 / len(rows)
    expected, spread = steps * rate, math.sqrt(steps * rate * (1 - rate))
    assert sum(counts.values()) == 10 * steps
    assert max(abs(count - expected) for count in counts.values()) < 5 * spread


@pytest.mark.parametrize("max_samples", [-1, 2.5, True])
def test_max_samples_must_be_a_count(max_samples: Any) -> None:
    for strategy in (Random, Entropy):
        with pytest.raises(ConfigError, match="not a whole number"):
            strategy(max_samples)
