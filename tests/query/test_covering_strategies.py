"""ProbCover and weighted k-means in a real driver: what they are given, and what they make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.core.outputs import probabilities
from alrun.core.queues import FifoQueue
from alrun.core.seeding import Role
from alrun.driver.driver import Driver
from alrun.query.prob_cover import ProbCover
from alrun.query.selection.kmeans import kmeans
from alrun.query.selection.prob_cover import prob_cover
from alrun.query.selection.purity_radius import purity_radius
from alrun.query.weighted_kmeans import WeightedKMeans
from alrun.testing.host import NUM_CLASSES, hosted


def sampled(strategy: Any, driver: Driver) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return queue.to_list()


def everything(driver: Driver, pool: Any) -> tuple[Tensor, Tensor]:
    """Embeddings and class probabilities of all rows of ``pool``."""
    chunks = list(driver.predictor(pool, embeddings=True))
    embeddings = [chunk.embeddings for chunk in chunks if chunk.embeddings is not None]
    return torch.cat(embeddings), probabilities(torch.cat([chunk.outputs for chunk in chunks]))


@pytest.mark.parametrize("radius", [None, 0.3])
def test_prob_cover_sees_labelled_rows_and_estimates_the_radius(radius: float | None, tmp_path: Path) -> None:
    strategy = ProbCover(9, radius=radius, purity=0.9)
    with hosted(tmp_path / "run") as driver:
        picks = sampled(strategy, driver)
        pool, size = driver.unlabeled_pool, len(driver.unlabeled_pool)
        rows = torch.cat([everything(driver, each)[0] for each in (pool, driver.training_pool)])
        generator = driver.seeds.torch(Role.QUERY, "ProbCover")
        found = radius or purity_radius(rows, NUM_CLASSES, purity=0.9, generator=generator)
        expected = prob_cover(rows, torch.arange(size, len(rows)), 9, found)
        assert picks == pool.indices[expected].tolist()


def test_weighted_kmeans_clusters_the_most_uncertain(tmp_path: Path) -> None:
    strategy = WeightedKMeans(6, prefilter=4)
    with hosted(tmp_path / "run") as driver:
        picks = sampled(strategy, driver)
        rows, chances = everything(driver, driver.unlabeled_pool)
        best = chances.sort(dim=1, descending=True).values
        weights = 1 - (best[:, 0] - best[:, 1])
        likely = weights.argsort(descending=True, stable=True)[:24].sort().values
        generator = driver.seeds.torch(Role.QUERY, "WeightedKMeans")
        middles = likely[kmeans(rows[likely], 6, generator=generator, weights=weights[likely])]
        assert picks == driver.unlabeled_pool.indices[middles].tolist()
    assert strategy.report.scores == pytest.approx(weights[middles].tolist())


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (lambda: ProbCover(3, radius=-1.0), "radius"),
        (lambda: ProbCover(3, purity=1.0), "purity"),
        (lambda: WeightedKMeans(3, prefilter=0), "prefilter"),
        (lambda: WeightedKMeans(-1), "max_samples"),
    ],
)
def test_arguments_out_of_range_are_refused(wrong: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        wrong()
