"""Cold starts that are query strategies: they compare what the data set ships, else the inputs, and they cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from alrun.cold_start.random import Random
from alrun.config.paths import conf_dir
from alrun.core.queues import FifoQueue
from alrun.core.types import Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.testing.host import hosted, source


def start(name: str, size: int) -> Any:
    node = OmegaConf.create({"initial_size": size, "node": OmegaConf.load(conf_dir() / "cold_start" / f"{name}.yaml")})
    return instantiate(OmegaConf.to_container(node, resolve=True)["node"])  # type: ignore[index, call-overload]


def sampled(strategy: Any, driver: Driver) -> torch.Tensor:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return torch.tensor(queue.to_list(), dtype=torch.int64)


@pytest.mark.parametrize("name", ["typiclust", "prob_cover", "coreset"])
def test_shipped_embeddings_are_what_is_compared(name: str, tmp_path: Path) -> None:
    plain = source(Task.CLASSIFICATION)
    rows = torch.arange(len(plain))
    # The inputs say nothing; the embeddings are four far corners, some more often than others.
    corners = torch.tensor([[0.0, 0.0], [90.0, 0.0], [0.0, 90.0], [90.0, 90.0]])
    shipped = corners[(rows % 10 // 3)] + torch.rand(len(rows), 2, generator=torch.Generator().manual_seed(0))
    blank = torch.ones(len(rows), 5)
    data = ArraySource(blank, plain.targets(rows), TaskSpec(Task.CLASSIFICATION, (5,), 3), embeddings=shipped)
    with hosted(tmp_path / "run", cold=True, data=data) as driver:
        picks = sampled(start(name, 4), driver)
    assert len((shipped[picks] > 45).long().unique(dim=0)) == 4


@pytest.mark.parametrize("name", ["typiclust", "prob_cover", "coreset"])
def test_inputs_are_covered_better_than_by_chance(name: str, tmp_path: Path) -> None:
    with hosted(tmp_path / "run", cold=True) as driver:
        pool: Any = driver.unlabeled_pool
        everyone = pool.lookup(pool.indices)
        everyone = (everyone - everyone.mean(dim=0)) / everyone.std(dim=0)
        order = {int(row): place for place, row in enumerate(pool.indices)}

        def spread(picks: torch.Tensor) -> float:
            gaps = torch.cdist(everyone, everyone[[order[int(row)] for row in picks]]).amin(dim=1)
            return float(gaps.max() if name == "coreset" else gaps.mean())

        found = spread(sampled(start(name, 15), driver))
        chance = []
        for step in range(20):
            driver.active_learning_step_idx = step
            chance.append(spread(sampled(Random(15), driver)))
    assert found < sorted(chance)[3]
