"""BatchBALD: a peer's values, brute force, sampled joint labels, the search that looks at few rows, the strategy."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import probabilities
from alrun.core.queues import FifoQueue
from alrun.query.batchbald import BatchBald
from alrun.query.scores import bald
from alrun.query.selection import batchbald as module
from alrun.query.selection.batchbald import batchbald, batchbald_gains
from alrun.testing.host import hosted


def sampled(samples: int, rows: int, classes: int, sharpness: float = 2.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(samples, rows, classes, generator=generator).double()).softmax(dim=-1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def information(batch: Tensor) -> float:
    """Return the mutual information of the labels ``[K, m, C]`` and the sample, by summing over all joint labels."""
    joint = batch.new_ones(len(batch), 1)
    for labels in batch.unbind(dim=1):
        joint = (joint.unsqueeze(2) * labels.unsqueeze(1)).flatten(1)
    inherent = -torch.xlogy(joint, joint).sum(dim=1).mean()
    total = joint.mean(dim=0)
    return float(-torch.xlogy(total, total).sum() - inherent)


def greedy(probs: Tensor, n: int) -> tuple[list[int], list[float]]:
    picks: list[int] = []
    values: list[float] = []
    for _ in range(min(n, probs.shape[1])):
        found = {row: information(probs[:, [*picks, row]]) for row in range(probs.shape[1]) if row not in picks}
        picks.append(max(found, key=lambda row: (found[row], -row)))
        values.append(found[picks[-1]])
    return picks, values


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_picks_and_scores_of_batchbald_redux(dtype: torch.dtype) -> None:
    # batchbald_redux 2.0.5, get_batchbald_batch(..., 6, num_samples=100000); scikit-activeml 1.0.1 agrees.
    k, n, y = torch.meshgrid(torch.arange(5), torch.arange(12), torch.arange(3), indexing="ij")
    weights = 1 + ((3 * k + 5 * n + 2 * y + k * n * (y + 1) + n * n * y) % 13).to(dtype) ** 2
    picks, gains = batchbald_gains(weights / weights.sum(dim=-1, keepdim=True), 6)
    assert gains.dtype is dtype
    assert picks.tolist() == [1, 0, 5, 6, 3, 2]
    expected = [0.385538633, 0.724251802, 0.981995938, 1.124878679, 1.210643514, 1.279876788]
    assert gains.cumsum(0).tolist() == pytest.approx(expected, abs=2e-6 if dtype is torch.float32 else 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_all_joint_labels_are_the_greedy_algorithm(seed: int) -> None:
    probs = sampled(4, 9, 3, seed=seed)
    picks, values = greedy(probs, 6)
    found, gains = batchbald_gains(probs, 6)
    assert found.tolist() == picks
    assert gains.cumsum(0).tolist() == pytest.approx(values, abs=1e-12)


def test_the_first_pick_is_that_of_bald_and_copies_are_worth_less() -> None:
    probs = sampled(8, 30, 4)
    best = int(bald(probs).argmax())
    copied = torch.cat([probs, probs[:, best : best + 1].expand(-1, 5, -1)], dim=1)
    picks, gains = batchbald_gains(copied, 4)
    assert picks[0] == best
    assert not set(picks[1:].tolist()) & set(range(30, 35))
    assert float(gains[0]) == pytest.approx(float(bald(probs)[best]), abs=1e-12)


def test_sure_samples_are_told_apart_and_then_nothing_is_left_to_learn() -> None:
    # Two rows with two classes tell four samples apart; zeros and ones all over.
    labels = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    picks, gains = batchbald_gains(torch.eye(2)[labels], 5)
    assert picks.tolist() == [0, 1, 2]
    assert gains.tolist() == pytest.approx([math.log(2), math.log(2), 0], abs=1e-6)


@pytest.mark.parametrize("n", [-1, 0, 1, 7])
def test_as_many_picks_as_there_are_rows(n: int) -> None:
    picks = batchbald(sampled(3, 5, 2), n)
    assert picks.dtype is torch.int64
    assert len(set(picks.tolist())) == len(picks) == min(max(n, 0), 5)
    assert len(batchbald(sampled(3, 0, 2), n)) == 0


def test_drawn_joint_labels_estimate_the_information_of_the_batch() -> None:
    probs = sampled(6, 40, 3)
    picks, gains = batchbald_gains(probs, 7, num_samples=1200)
    exact = [information(probs[:, picks[: i + 1]]) for i in range(7)]
    assert gains.cumsum(0).tolist() == pytest.approx(exact, abs=1e-12)
    errors = []
    for seed in range(20):
        _, gains = batchbald_gains(probs[:, picks], 7, num_samples=600, generator=generator(seed))
        errors.append(float(gains.sum()) - exact[-1])
    assert abs(sum(errors) / 20) < 0.01
    assert max(map(abs, errors)) < 0.05
    again = [batchbald(probs, 7, num_samples=600, generator=generator(3)).tolist() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize("base", [0.0, 2.0])
def test_looking_at_few_rows_finds_what_looking_at_all_finds(base: float, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = base * torch.randn(1, 300, 5, generator=generator())
    probs = (shared + torch.randn(10, 300, 5, generator=generator(1))).softmax(dim=-1)
    monkeypatch.setattr(module, "LEADERS", 16)
    few, gains = batchbald_gains(probs, 8, num_samples=20_000, generator=generator())
    monkeypatch.setattr(module, "LEADERS", 300)
    every, same = batchbald_gains(probs, 8, num_samples=20_000, generator=generator())
    assert few.tolist() == every.tolist()
    torch.testing.assert_close(gains, same, rtol=0, atol=1e-6)


def test_nan_is_refused() -> None:
    probs = sampled(3, 5, 2)
    probs[1, 3, 0] = math.nan
    with pytest.raises(StrategyError, match="NaN"):
        batchbald(probs, 2)


def test_the_strategy_picks_and_reports_what_rows_add(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", stochastic=True) as driver:
        chunks = list(driver.predictor(driver.unlabeled_pool))
        rows = torch.cat([chunk.indices for chunk in chunks])
        probs = torch.cat([probabilities(chunk.outputs) for chunk in chunks], dim=1)
        picks, gains = batchbald_gains(probs, 5)
        best = bald(probs).argsort(descending=True)[:6].sort().values
        fewer = best[batchbald(probs[:, best], 5)]
        for strategy, expected in ((BatchBald(5), picks), (BatchBald(5, max_candidates=6), fewer)):
            strategy.attach(driver)
            queue = FifoQueue([])
            strategy.sample(queue)
            assert queue.to_list() == rows[expected].tolist()
            if strategy.max_candidates is None:
                assert strategy.report.scores == pytest.approx(gains.tolist(), abs=1e-6)


def test_numbers_must_be_positive() -> None:
    for numbers in itertools.product([0, -1, 2.5, True], ["num_samples", "max_candidates"]):
        with pytest.raises(ConfigError, match=numbers[1]):
            BatchBald(3, **{numbers[1]: numbers[0]})  # type: ignore[arg-type]
