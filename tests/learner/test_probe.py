"""The linear probe against scikit-learn and against the closed form of its posterior."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn

from alrun.core.errors import ConfigError
from alrun.core.outputs import gaussian_moments, probabilities
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.inference.ensemble import Ensemble
from alrun.inference.laplace import Laplace
from alrun.learner.gaussian import MIN_LOG_VARIANCE
from alrun.learner.probe import Probe

SEEDS = Seeds(0)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def classes_of(inputs: Tensor, count: int) -> Tensor:
    signal = (inputs - inputs.mean(dim=0)) @ drawn(inputs.shape[1], count, seed=1)
    return (signal + 2 * drawn(len(inputs), count, seed=2)).argmax(dim=1)


def fitted(inputs: Tensor, targets: Tensor, spec: TaskSpec, **options: Any) -> Probe:
    probe = Probe(spec, **options)
    probe.fit_statistics(inputs, targets)
    probe.fit_at_once(inputs, targets, SEEDS)
    return probe.eval()


def contrast(logits: Tensor) -> Tensor:
    """Return what softmax depends on."""
    return logits - logits.mean(dim=0)


@pytest.mark.parametrize(("rows", "columns", "count"), [(200, 12, 5), (30, 64, 3), (80, 10, 2)])
@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_logistic_regression_is_that_of_scikit_learn(rows: int, columns: int, count: int, l2: float) -> None:
    inputs = 3 + drawn(rows, columns)
    targets = classes_of(inputs, count)
    assert len(targets.unique()) == count
    layer = fitted(inputs, targets, TaskSpec(Task.CLASSIFICATION, (columns,), count), l2=l2).body[-1]
    assert isinstance(layer, nn.Linear)
    found = torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach().double()
    model = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-10)
    model.fit(inputs.double().numpy(), targets.numpy())
    wanted = torch.cat([torch.tensor(model.coef_), torch.tensor(model.intercept_)[:, None]], dim=1)
    if count == 2:
        wanted = torch.cat([torch.zeros_like(wanted), wanted])
    torch.testing.assert_close(contrast(found), contrast(wanted), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(100, 7), (20, 40)])
@pytest.mark.parametrize("standardize", [(), (0, 2)])
def test_ridge_regression_is_that_of_scikit_learn(rows: int, columns: int, standardize: tuple[int, ...]) -> None:
    inputs, targets = 2 + drawn(rows, columns), 50 + 7 * drawn(rows, 2, seed=1)
    spec = TaskSpec(Task.REGRESSION, (columns,), 2, standardize=standardize)
    probe = fitted(inputs, targets, spec, l2=0.5, likelihood="mean")
    exact = inputs.double()
    for column in standardize:
        exact[:, column] = (exact[:, column] - exact[:, column].mean()) / exact[:, column].std(unbiased=False)
    model = Ridge(alpha=0.5).fit(exact.numpy(), targets.double().numpy())
    found = probe.state_dict()["body.0.weight"].double() * probe.target_std[:, None].double()
    torch.testing.assert_close(found.detach(), torch.from_numpy(model.coef_), atol=1e-6 * 7, rtol=1e-6)
    predicted = torch.from_numpy(model.predict(exact.numpy())).float()
    torch.testing.assert_close(probe(inputs).detach(), predicted, atol=1e-4, rtol=1e-5)


def test_a_class_without_a_row_follows_the_rule_of_succession() -> None:
    inputs = drawn(50, 6)
    targets = classes_of(inputs, 3) * 2
    with torch.no_grad():
        found = probabilities(fitted(inputs, targets, TaskSpec(Task.CLASSIFICATION, (6,), 6))(inputs))
    assert found[:, [1, 3, 5]].mean() == pytest.approx(1 / 56, rel=0.5)
    single = fitted(inputs[:3], torch.full((3,), 2), TaskSpec(Task.CLASSIFICATION, (6,), 4))
    with torch.no_grad():
        torch.testing.assert_close(probabilities(single(inputs[:1]))[0], torch.tensor([1, 1, 7, 1]) / 10)
    one = fitted(inputs[:1], drawn(1, 1), TaskSpec(Task.REGRESSION, (6,), 1))
    assert bool(one(inputs).isfinite().all())


def test_what_it_learns_is_a_function_of_the_labels() -> None:
    inputs = drawn(40, 6)
    spec = TaskSpec(Task.CLASSIFICATION, (6,), 3)
    probe = fitted(inputs, classes_of(inputs, 3), spec)
    before = {name: value.clone() for name, value in probe.state_dict().items()}
    probe.fit_at_once(drawn(30, 6, seed=9), classes_of(inputs, 3)[:30], SEEDS)
    assert not probe.state_dict()["body.0.weight"].equal(before["body.0.weight"])
    probe.fit_at_once(inputs, classes_of(inputs, 3), Seeds(5))
    assert all(value.equal(before[name]) for name, value in probe.state_dict().items())


def laplace(inputs: Tensor, targets: Tensor, spec: TaskSpec, **options: Any) -> Laplace:
    pool = SimpleNamespace(inputs=lambda rows: inputs[rows], targets=lambda rows: targets[rows], spec=spec)
    module = Laplace(spec=spec, **options)
    pool_type = type("Pool", (SimpleNamespace,), {"__len__": lambda _: len(inputs)})
    host: Any = SimpleNamespace(training_pool=pool_type(**vars(pool)))
    module.attach(host)
    return module


def test_the_posterior_of_a_ridge_regression_is_exact() -> None:
    inputs = drawn(30, 4)
    targets = inputs @ drawn(4, 1, seed=1) * 5 + 20 + 3 * drawn(30, 1, seed=2)
    spec = TaskSpec(Task.REGRESSION, (4,), 1)
    probe, new = fitted(inputs, targets, spec, l2=2.0), drawn(10, 4, seed=3)
    with laplace(inputs, targets, spec, predictive="probit").prepared(probe, SEEDS) as predict:
        found = gaussian_moments(predict(new), 1)
    # Bayesian linear regression on the standardized target, Bishop (2006), equations 3.53, 3.54 and 3.59.
    scaled = ((targets - targets.mean()) / targets.std(unbiased=False)).double()
    centered = inputs.double() - inputs.double().mean(dim=0)
    gram = centered.T @ centered + 2 * torch.eye(4).double()
    mode = torch.linalg.solve(gram, centered.T @ scaled)
    noise = ((scaled - centered @ mode).square().sum() + 2 * mode.square().sum()) / 29
    assert float(probe.log_noise) == pytest.approx(math.log(float(noise)), abs=1e-5)
    design = torch.cat([inputs, torch.ones(30, 1)], dim=1).double()
    covariance = torch.linalg.inv(design.T @ design + 2 * torch.eye(5).double()) * noise
    rows = torch.cat([new, torch.ones(10, 1)], dim=1).double()
    wanted = (noise + ((rows @ covariance) * rows).sum(dim=1)) * targets.var(unbiased=False).double()
    torch.testing.assert_close(found.variance[:, 0].double(), wanted, rtol=1e-4, atol=0)


def test_the_prior_of_two_classes_is_that_of_the_difference_of_their_logits() -> None:
    inputs = drawn(60, 3)
    targets, spec = classes_of(inputs, 2), TaskSpec(Task.CLASSIFICATION, (3,), 2)
    probe = fitted(inputs, targets, spec, l2=0.7)
    module = laplace(inputs, targets, spec)
    posterior = module.posterior(probe, 0)
    difference = torch.tensor([-1.0, 1.0]).double()
    rows = torch.cat([inputs, torch.ones(60, 1)], dim=1).double()
    found = difference @ posterior.covariance.spread(rows) @ difference
    with torch.no_grad():
        positive = probabilities(probe(inputs))[:, 1].double()
    hessian = (rows * (positive * (1 - positive))[:, None]).T @ rows + 0.7 * torch.eye(4).double()
    torch.testing.assert_close(found, ((rows @ torch.linalg.inv(hessian)) * rows).sum(dim=1), rtol=1e-5, atol=0)


def test_a_perfect_fit_keeps_a_variance() -> None:
    inputs = drawn(50, 2)
    probe = fitted(inputs, inputs[:, :1], TaskSpec(Task.REGRESSION, (2,), 1), l2=1e-9)
    assert float(probe.log_noise) == pytest.approx(MIN_LOG_VARIANCE)


def test_what_it_cannot_be_is_said() -> None:
    spec = TaskSpec(Task.CLASSIFICATION, (3,), 2)
    for wrong in (0, -1.0, math.inf):
        with pytest.raises(ConfigError, match=r"learner\.l2"):
            Probe(spec, l2=wrong)
    with pytest.raises(ConfigError, match="fitted to all labels at once"):
        Ensemble(2).combine([Probe(spec), Probe(spec)])
