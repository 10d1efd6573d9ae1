"""Units: what is standardized, with which statistics, and what comes out."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from alrun.core.outputs import gaussian_moments
from alrun.core.types import Task, TaskSpec
from alrun.learner.gaussian import MAX_LOG_VARIANCE, MIN_LOG_VARIANCE, bounded_log_variance, gaussian_nll
from alrun.learner.linear import Linear
from alrun.learner.mlp import MLP
from alrun.learner.standardization import column_statistics

ADAM = partial(torch.optim.Adam, lr=1e-2)


def rows(count: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) * torch.tensor([3.0, 0.01, 500.0, 1.0][:width]) + 7.0


def test_column_statistics_are_those_of_sklearn() -> None:
    values = torch.cat([rows(40, 3), torch.full((40, 1), 0.1)], dim=1)
    mean, std = column_statistics(values)
    scaler = StandardScaler().fit(values.double().numpy())
    torch.testing.assert_close(mean, torch.tensor(scaler.mean_).float())
    torch.testing.assert_close(std, torch.tensor(scaler.scale_).float())
    assert std[3] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_column_that_never_varies_has_no_scale_of_its_own(dtype: torch.dtype) -> None:
    for count in range(1, 50):
        mean, std = column_statistics(torch.full((count, 1), 0.1, dtype=dtype))
        assert std.item() == 1
        assert mean.item() == pytest.approx(0.1)


def test_only_the_named_columns_are_standardized_and_only_with_the_given_rows() -> None:
    learner = Linear(TaskSpec(Task.CLASSIFICATION, (4,), 2, standardize=(0, 2)), ADAM)
    training, pool = rows(30, 4), rows(50, 4, seed=1)
    learner.fit_statistics(training, torch.zeros(30, dtype=torch.long))
    expected = pool.clone()
    for column in (0, 2):
        expected[:, column] -= training[:, column].mean()
        expected[:, column] /= training[:, column].std(unbiased=False)
    torch.testing.assert_close(learner(pool), learner.body(expected), rtol=1e-4, atol=1e-4)


def test_no_rows_leave_the_statistics_and_new_rows_replace_them() -> None:
    spec = TaskSpec(Task.REGRESSION, (4,), 1, standardize=(0, 1, 2, 3))
    learner, fresh = Linear(spec, ADAM), Linear(spec, ADAM)
    learner.fit_statistics(rows(30, 4), torch.rand(30, 1))
    before = learner.input_mean.clone()
    learner.fit_statistics(torch.empty(0, 4), torch.empty(0, 1))
    assert torch.equal(learner.input_mean, before)
    for each in (learner, fresh):
        each.fit_statistics(rows(20, 4, seed=2), torch.arange(20.0).reshape(20, 1))
    for name in ("input_mean", "input_std", "target_mean", "target_std"):
        assert torch.equal(learner.state_dict()[name], fresh.state_dict()[name])


@pytest.mark.parametrize("targets_shape", [(4, 1), (4,)])
@pytest.mark.parametrize("likelihood", ["mean", "gaussian"])
def test_losses_are_those_of_torch_on_outputs_in_target_units(likelihood: str, targets_shape: tuple[int, ...]) -> None:
    learner = MLP(TaskSpec(Task.REGRESSION, (4,), 1, standardize=(0, 2)), ADAM, likelihood=likelihood, dropout=0)
    inputs, targets = rows(4, 4), torch.tensor([100.0, 300.0, 250.0, 990.0])
    learner.fit_statistics(inputs, targets)
    moments = gaussian_moments(learner(inputs), num_targets=1)
    scale = targets.std(unbiased=False)
    loss = learner.training_step((inputs, targets.reshape(targets_shape)))
    if likelihood == "mean":
        expected = functional.mse_loss(moments.mean.squeeze(1), targets) / scale**2
    else:
        nll = nn.GaussianNLLLoss(eps=1e-12)(moments.mean.squeeze(1), targets, moments.variance.squeeze(1))
        expected = nll - scale.log()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


def test_gaussian_nll_in_closed_form() -> None:
    mean, log_variance, target = torch.tensor([[1.0]]), torch.tensor([[2.0]]).log(), torch.tensor([[4.0]])
    density = torch.distributions.Normal(mean, log_variance.exp().sqrt()).log_prob(target)
    expected = -density.mean() - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(gaussian_nll(mean, log_variance, target), expected)


def test_log_variance_is_bounded_monotone_and_nearly_the_identity_in_the_middle() -> None:
    raw = torch.linspace(-30, 30, 601, requires_grad=True)
    bounded = bounded_log_variance(raw)
    assert bounded.min() >= MIN_LOG_VARIANCE
    assert bounded.max() <= MAX_LOG_VARIANCE + 1e-3
    assert (bounded.diff() >= 0).all()
    torch.testing.assert_close(bounded[270:310], raw[270:310], rtol=0, atol=0.02)
    (gradient,) = torch.autograd.grad(bounded.sum(), raw)
    assert (gradient[150:450] > 0).all()


def test_a_gaussian_learner_finds_slope_and_noise_in_target_units() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(400, 1, generator=generator)
    targets = 1000 + 200 * inputs + 10 * torch.randn(400, 1, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learner = Linear(TaskSpec(Task.REGRESSION, (1,), 1, standardize=(0,)), partial(torch.optim.Adam, lr=5e-2))
    learner.fit_statistics(inputs, targets)
    optimizer = learner.configure_optimizers()
    for _ in range(400):
        optimizer.zero_grad()
        learner.loss(inputs, targets).backward()
        optimizer.step()
    moments = gaussian_moments(learner(torch.tensor([[0.0], [0.5], [1.0]])).detach(), num_targets=1)
    torch.testing.assert_close(moments.mean, torch.tensor([[1000.0], [1100.0], [1200.0]]), rtol=0, atol=4.0)
    assert float(moments.variance[1].sqrt()) == pytest.approx(10, rel=0.1)
