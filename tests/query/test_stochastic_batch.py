"""Batches drawn by BALD scores: the chances of the first pick, the noise, and ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import chisquare, kstest  # type: ignore[import-untyped]
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.core.outputs import probabilities
from alrun.core.queues import FifoQueue
from alrun.query import scores
from alrun.query.perturbed import PerturbedBald
from alrun.query.power_bald import PowerBald
from alrun.query.softmax_bald import SoftmaxBald
from alrun.query.softrank_bald import SoftrankBald
from alrun.testing.host import hosted

STEPS = 900


def weights(kind: type[PerturbedBald], values: Tensor) -> Tensor:
    """Return what the chances of the first pick are proportional to, for scores ``values`` and a coldness of 1.5."""
    if kind is PowerBald:
        return values**1.5
    if kind is SoftmaxBald:
        return (1.5 * values).exp()
    ranks = (values.unsqueeze(0) > values.unsqueeze(1)).sum(dim=1) + 1.0
    return ranks.double() ** -1.5


class Replayed:
    """Hands out the same predictions again and again."""

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = chunks

    def __call__(self, pool: Any, *, embeddings: bool = False) -> Any:
        return iter(self._chunks)


def firsts(strategy: PerturbedBald, driver: Any) -> list[int]:
    """Return the first pick of each of many steps."""
    strategy.attach(driver)
    found = []
    for step in range(STEPS):
        driver.active_learning_step_idx = step
        queue = FifoQueue([])
        strategy.sample(queue)
        found += queue.to_list()
    return found


@pytest.mark.parametrize("kind", [PowerBald, SoftmaxBald, SoftrankBald])
def test_the_first_pick_has_the_chances_of_the_paper(kind: type[PerturbedBald], tmp_path: Path) -> None:
    with hosted(tmp_path / "run", stochastic=True) as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool))
        driver.predictor = Replayed(chunks)
        values = torch.cat([scores.bald(probabilities(chunk.outputs)) for chunk in chunks]).double()
        rows = torch.cat([chunk.indices for chunk in chunks]).tolist()
        drawn = firsts(kind(1, coldness=1.5), driver)
    chances = weights(kind, values)
    expected = STEPS * chances / chances.sum()
    counts = torch.tensor([drawn.count(row) for row in rows]).double()
    # Rows in order of their chances, in bins that expect more than 15 each.
    order = expected.argsort(descending=True)
    bins = (expected[order].cumsum(0) / 50).long().clamp_max(int(STEPS / 50) - 1)
    table = [torch.zeros(int(bins.max()) + 1).double().index_add_(0, bins, part[order]) for part in (counts, expected)]
    kept = table[1] > 15
    assert kept.sum() > 8
    rest = [torch.cat([part[kept], part[~kept].sum().reshape(1) + 1e-9]) for part in table]
    assert chisquare(rest[0].numpy(), rest[1].numpy() * float(rest[0].sum() / rest[1].sum())).pvalue > 1e-3


def test_the_noise_is_gumbel_and_belongs_to_seed_step_strategy_and_row(tmp_path: Path) -> None:
    rows = torch.arange(20_000)
    with hosted(tmp_path / "run", stochastic=True) as driver, hosted(tmp_path / "other", seed=1) as other:
        strategy, second, foreign = PowerBald(1), PowerBald(1), SoftmaxBald(1)
        for each, host in ((strategy, driver), (second, other), (foreign, driver)):
            each.attach(host)
        noise = strategy.noise(rows)
        order = torch.randperm(20_000, generator=torch.Generator().manual_seed(0))
        assert bool((strategy.noise(order) == noise[order]).all())
        assert not bool((noise == second.noise(rows)).any())
        assert not bool((noise == foreign.noise(rows)).any())
        driver.active_learning_step_idx += 1
        assert not bool((noise == strategy.noise(rows)).any())
    assert kstest(noise.numpy(), "gumbel_r").pvalue > 1e-3


def test_without_coldness_scores_do_not_matter_and_with_much_of_it_they_are_all(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", stochastic=True) as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool))
        values = torch.cat([scores.bald(probabilities(chunk.outputs)) for chunk in chunks])
        best = torch.cat([chunk.indices for chunk in chunks])[values.argsort(descending=True)[:8]].tolist()
        for kind in (PowerBald, SoftmaxBald, SoftrankBald):
            batches = []
            for coldness in (0.0, 1e12):
                strategy, queue = kind(8, coldness=coldness), FifoQueue([])
                strategy.attach(driver)
                strategy.sample(queue)
                batches.append(queue.to_list())
            assert batches[1] == best
            assert batches[0] != best


@pytest.mark.parametrize("coldness", [-1.0, float("nan"), float("inf"), True, "1"])
def test_coldness_must_be_a_number(coldness: Any) -> None:
    with pytest.raises(ConfigError, match="coldness"):
        PowerBald(1, coldness=coldness)
