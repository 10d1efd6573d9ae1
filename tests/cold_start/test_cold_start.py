"""Cold starts in a real driver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alrun.cold_start.balanced import Balanced
from alrun.cold_start.kmeans import KMeans
from alrun.cold_start.random import Random
from alrun.core.errors import ConfigError, StrategyError
from alrun.core.queues import FifoQueue
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.testing.host import hosted


def sampled(strategy: Any, driver: Driver) -> torch.Tensor:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return torch.tensor(queue.to_list(), dtype=torch.int64)


def test_balanced_takes_each_class_as_often(tmp_path: Path) -> None:
    for seed in range(3):
        with hosted(tmp_path / str(seed), cold=True, seed=seed) as driver:
            classes = driver.unlabeled_pool.reveal(sampled(Balanced(20), driver))
        assert sorted(np.bincount(classes.numpy()).tolist()) == [6, 7, 7]


def test_balanced_refuses_a_regression(tmp_path: Path) -> None:
    refused = pytest.raises(StrategyError, match="cold_start=random")
    with hosted(tmp_path / "run", Task.REGRESSION, cold=True) as driver, refused:
        sampled(Balanced(5), driver)


@pytest.mark.parametrize("kind", [Random, Balanced, KMeans])
def test_seeds_differ(kind: Any, tmp_path: Path) -> None:
    picks = []
    for seed in (0, 1):
        with hosted(tmp_path / str(seed), cold=True) as driver:
            driver.experiment = replace(driver.experiment, settings=replace(driver.experiment.settings, seed=seed))
            picks.append(sorted(sampled(kind(12), driver).tolist()))
    assert picks[0] != picks[1]


def test_kmeans_covers_the_inputs_better_than_chance(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", cold=True) as driver:
        pool: Any = driver.unlabeled_pool
        everything = pool.lookup(pool.indices)

        def coverage(rows: torch.Tensor) -> float:
            return float(torch.cdist(everything, pool.lookup(rows)).amin(dim=1).square().mean())

        kmeans = coverage(sampled(KMeans(15), driver))
        chance = []
        for step in range(20):
            driver.active_learning_step_idx = step
            chance.append(coverage(sampled(Random(15), driver)))
    assert kmeans < min(chance)


def test_kmeans_fills_up_where_rows_repeat(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", cold=True) as driver:
        pool: Any = driver.unlabeled_pool
        pool.source.array[:] = pool.source.array[:4].repeat(50, 1)
        picks = sampled(KMeans(10), driver)
        assert len(picks.unique()) == 10
        assert len(pool.lookup(picks[:4]).unique(dim=0)) == 4


def test_max_samples_must_be_a_count() -> None:
    with pytest.raises(ConfigError, match="not a whole number"):
        Random(-1)
