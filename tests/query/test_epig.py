"""EPIG: the definition, a peer's values, precision, the targets, and refusals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import probabilities
from alrun.core.queues import FifoQueue
from alrun.core.types import Moments, Task
from alrun.query import predictive_gain
from alrun.query.epig import Epig
from alrun.query.scores import bald, epig, epig_gaussian
from alrun.query.targets import drawn_targets, given_targets
from alrun.testing.host import hosted, source
from alrun.testing.orders import permuted


def sampled(seed: int, rows: int, sharpness: float = 3.0, samples: int = 9, classes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(samples, rows, classes, generator=generator)).softmax(dim=-1)


def defined(candidates: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over the targets of the divergence of the joint from the product, in float64."""
    candidates, targets = candidates.double(), targets.double()
    joint = torch.einsum("knc,kmd->nmcd", candidates, targets) / len(candidates)
    apart = torch.einsum("nc,md->nmcd", candidates.mean(dim=0), targets.mean(dim=0))
    return (torch.xlogy(joint, joint) - torch.xlogy(joint, apart)).sum(dim=(2, 3)).mean(dim=1)


def pseudorandom() -> Tensor:
    """Return probabilities ``[5, 12, 3]`` that any language can make."""
    k, n, y = torch.meshgrid(torch.arange(5), torch.arange(12), torch.arange(3), indexing="ij")
    weights = 1 + ((3 * k + 5 * n + 2 * y + k * n * (y + 1) + n * n * y) % 13).double() ** 2
    return weights / weights.sum(dim=-1, keepdim=True)


@pytest.mark.parametrize("sharpness", [0.01, 0.3, 3.0, 100.0])
def test_is_what_the_paper_defines(sharpness: float) -> None:
    candidates, targets = sampled(0, 40, sharpness), sampled(1, 30, sharpness)
    exact = defined(candidates, targets)
    torch.testing.assert_close(epig(candidates.double(), targets.double()), exact, rtol=1e-5, atol=1e-13)
    found = epig(candidates, targets)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-12)


def test_values_of_baal() -> None:
    # baal 2.1.0, heuristics.EPIG.compute_score, which computes in float32.
    expected = [0.0249168873, 0.0393307209, 0.0190441608, 0.0276565552, 0.0165579319, 0.0361289978]
    made = pseudorandom()
    assert epig(made[:, :6], made[:, 6:]).tolist() == pytest.approx(expected, abs=2e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, targets = sampled(0, 40).double(), sampled(1, 30).double()
    whole = epig(candidates, targets)
    monkeypatch.setattr(predictive_gain, "BLOCK_VALUES", 64)
    monkeypatch.setattr(predictive_gain, "BLOCK_COLUMNS", 7)
    torch.testing.assert_close(epig(candidates, targets), whole, rtol=1e-12, atol=0)


def test_ends() -> None:
    sure = torch.eye(3)[torch.tensor([[0, 1], [1, 1], [2, 1]])]
    # Row 0 tells which of the three samples is true, and a target that repeats it is known then; row 1 tells nothing.
    assert epig(sure, sure[:, :1]).tolist() == pytest.approx([math.log(3), 0], abs=1e-5)
    assert epig(sampled(0, 50, samples=1), sampled(1, 20, samples=1)).eq(0).all()
    # No label tells more of another than of the weights.
    candidates = sampled(0, 50).double()
    assert (epig(candidates, sampled(1, 20).double()) <= bald(candidates) + 1e-12).all()


def test_gaussian_gain_is_that_of_the_correlation() -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    drawn = torch.randn(200_000, 3, generator=generator, dtype=torch.float64) @ mixing.T
    moments = Moments(drawn.unsqueeze(-1), torch.full((200_000, 3, 1), 0.25, dtype=torch.float64))
    targets = Moments(moments.mean[:, :1], moments.variance[:, :1])
    gains = epig_gaussian(moments, targets).tolist()
    correlations = [1 / 1.25, 0.8 / 1.25, 0.0]
    assert gains == pytest.approx([-math.log(1 - rho * rho) / 2 for rho in correlations], abs=5e-3)


def picks(strategy: Epig, driver: Any) -> list[int]:
    queue = FifoQueue([])
    strategy.attach(driver)
    strategy.sample(queue)
    return queue.to_list()


def outputs(driver: Any, pool: Any) -> tuple[Tensor, Tensor]:
    chunks = list(driver.predictor(pool))
    return torch.cat([chunk.outputs for chunk in chunks], dim=1), torch.cat([chunk.indices for chunk in chunks])


def test_picks_what_tells_most_of_given_inputs(tmp_path: Path) -> None:
    inputs = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "targets.npy", inputs.numpy())
    with hosted(tmp_path / "run", stochastic=True) as driver:
        pool: Any = driver.unlabeled_pool
        found, rows = outputs(driver, pool)
        aims, _ = outputs(driver, given_targets(inputs, None, ""))
        gains = defined(probabilities(found), probabilities(aims))
        expected = rows[gains.argsort(descending=True)[:6]].tolist()
        assert picks(Epig(6, targets=tmp_path / "targets.npy", spec=pool.spec), driver) == expected
        assert picks(Epig(6, targets=inputs), driver) == expected


def test_test_rows_are_targets_without_their_labels(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", stochastic=True) as driver:
        driver.test_pool = driver.test_pool.part([3])
        found, rows = outputs(driver, driver.unlabeled_pool)
        aims, _ = outputs(driver, driver.test_pool)
        gains = defined(probabilities(found), probabilities(aims))
        expected = rows[gains.argsort(descending=True)[:6]].tolist()
        assert picks(Epig(6, num_targets=10**6, targets="test"), driver) == expected
        driver.test_pool = None
        with pytest.raises(StrategyError, match=r"query\.epig\.targets=null"):
            picks(Epig(6, targets="test"), driver)


def test_regression_ranks_by_correlation(tmp_path: Path) -> None:
    inputs = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    with hosted(tmp_path / "run", Task.REGRESSION, stochastic=True) as driver:
        found, rows = outputs(driver, driver.unlabeled_pool)
        aims, _ = outputs(driver, given_targets(inputs, None, ""))
        chosen = picks(Epig(5, targets=inputs), driver)
    gains = []
    for row in found.double().unbind(dim=1):
        pair = torch.cat([row[:, None], aims.double()], dim=1)
        covariance = torch.cov(pair[..., 0].T, correction=0) + pair[..., 1].exp().mean(dim=0).diag()
        rho = covariance[0] / (covariance[0, 0] * covariance.diag()).sqrt()
        gains.append(float((-(1 - rho[1:].square()).log() / 2).mean()))
    assert chosen == rows[torch.tensor(gains).argsort(descending=True)[:5]].tolist()


def test_targets_are_drawn_by_row_and_step(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        pool: Any = driver.unlabeled_pool
        drawn = drawn_targets(pool, 20, key=3)
        other = drawn_targets(permuted(pool, seed=1), 20, key=3)
        assert drawn.indices.tolist() == other.indices.tolist()
        torch.testing.assert_close(drawn.inputs(torch.arange(20)), other.inputs(torch.arange(20)), rtol=0, atol=0)
        assert drawn_targets(pool, 20, key=4).indices.tolist() != drawn.indices.tolist()
        assert sorted(drawn_targets(pool, 10**6, key=3).indices.tolist()) == sorted(pool.indices.tolist())


def test_what_cannot_be_scored_is_refused(tmp_path: Path) -> None:
    with hosted(tmp_path / "plain") as driver, pytest.raises(StrategyError, match="posterior samples"):
        picks(Epig(3), driver)
    with hosted(tmp_path / "mean", Task.REGRESSION, stochastic=True) as driver:
        forward = driver.learner.forward
        driver.learner.forward = lambda inputs: forward(inputs)[..., :1]
        with pytest.raises(StrategyError, match="likelihood=gaussian"):
            picks(Epig(3), driver)
    spec = source(Task.CLASSIFICATION).spec
    np.save(tmp_path / "wrong.npy", np.zeros((4, 2)))
    for targets in (tmp_path / "missing.npy", tmp_path / "wrong.npy", torch.zeros(0, 5)):
        with pytest.raises(ConfigError, match=r"query\.epig\.targets"):
            Epig(3, targets=targets, spec=spec)
    with pytest.raises(ConfigError, match="num_targets"):
        Epig(3, num_targets=0)
