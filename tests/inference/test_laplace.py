"""Last-layer Laplace against closed forms, and what it leaves behind: nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.func import functional_call
from torch.nn import functional

from alrun.config.check import checked
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.inference.laplace import Laplace
from alrun.inference.last_layer.curvature import STRUCTURES
from alrun.inference.last_layer.posterior import fitted
from alrun.runner.build import Builder

CLASSES, SEEDS = TaskSpec(Task.CLASSIFICATION, (4,), 3), Seeds(0, step=1)
BINARY = TaskSpec(Task.CLASSIFICATION, (4,), 2)
REGRESSION = TaskSpec(Task.REGRESSION, (4,), 2)


class Pool:
    """A training pool of plain tensors that counts how often it is read."""

    def __init__(self, inputs: Tensor, targets: Tensor, spec: TaskSpec) -> None:
        self._inputs, self._targets, self.spec, self.reads = inputs, targets, spec, 0

    def __len__(self) -> int:
        return len(self._inputs)

    def inputs(self, positions: Tensor) -> Tensor:
        self.reads += 1
        return self._inputs[positions]

    def targets(self, positions: Tensor) -> Tensor:
        return self._targets[positions]


class Behind(nn.Module):
    """A network that goes on behind its last linear layer: units of the target, and a bend."""

    def __init__(self, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.front, self.last = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.2)), nn.Linear(5, outputs, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        raw = self.last(self.front(inputs))
        return torch.cat([3 * raw[:, :1] + 1, functional.softplus(raw[:, 1:])], dim=1)


def network(outputs: int, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.2), nn.Linear(5, outputs, bias))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pool_for(spec: TaskSpec, count: int = 30) -> Pool:
    targets = drawn(count, spec.num_outputs, seed=1)
    if spec.task is Task.CLASSIFICATION:
        targets = torch.arange(count) % spec.num_outputs
    return Pool(drawn(count, 4), targets, spec)


def laplace(pool: Pool, **options: Any) -> Laplace:
    module = Laplace(spec=pool.spec, **options)
    host: Any = SimpleNamespace(training_pool=pool)
    module.attach(host)
    return module


def predicted(module: Laplace, learner: nn.Module, inputs: Tensor, seeds: Seeds = SEEDS) -> Tensor:
    with module.prepared(learner, seeds) as outputs:
        return outputs(inputs)


def last_hessian(learner: nn.Module, name: str, loss: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Return the Hessian ``[P, P]`` of ``loss`` of the outputs, in the last layer's ``[r, D]`` weights and bias."""
    learner = learner.double().eval()
    layer = learner.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    rows, columns = layer.weight.shape
    bias = [] if layer.bias is None else [layer.bias[:, None]]
    weights = torch.cat([layer.weight, *bias], dim=1).detach()

    def total(flat: Tensor) -> Tensor:
        both = flat.view(rows, -1)
        given = {f"{name}.weight": both[:, :columns]} | ({f"{name}.bias": both[:, columns]} if bias else {})
        return loss(functional_call(learner, given, (inputs.double(),)))

    found: Tensor = hessian(total, weights.flatten())
    return found


def covariance_of(learner: nn.Module, pool: Pool, structure: str, precision: float) -> Tensor:
    """Return the covariance ``[P, P]`` that draws have: those of unit vectors are the rows of its root."""
    posterior = fitted(learner.eval(), pool, pool.spec, structure, precision)
    last = [module for module in learner.modules() if isinstance(module, nn.Linear)][-1]
    shape = (last.out_features, last.in_features + (last.bias is not None))
    root = posterior.covariance.root(torch.eye(shape[0] * shape[1], dtype=torch.float64).unflatten(1, shape)).flatten(1)
    squared: Tensor = root.T @ root
    return squared


def double(pool: Pool) -> Pool:
    everything = torch.arange(len(pool))
    return Pool(pool.inputs(everything).double(), pool.targets(everything), pool.spec)


def assert_curvature(learner: nn.Module, name: str, pool: Pool, loss: Callable[[Tensor], Tensor]) -> None:
    """Check the covariance against the inverse Hessian of ``loss`` of the outputs for the whole pool."""
    precision = last_hessian(learner, name, loss, pool.inputs(torch.arange(len(pool))))
    precision.diagonal().add_(0.7)
    found = covariance_of(learner.double(), double(pool), "full", 0.7)
    torch.testing.assert_close(found, torch.linalg.inv(precision), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
def test_curvature_of_a_classification_is_the_hessian_of_its_loss(bias: bool) -> None:
    pool, single = pool_for(CLASSES), pool_for(BINARY)
    targets, classes = pool.targets(torch.arange(30)), single.targets(torch.arange(30)).double()
    bce = functional.binary_cross_entropy_with_logits
    assert_curvature(network(3, bias), "3", pool, lambda out: functional.cross_entropy(out, targets, reduction="sum"))
    assert_curvature(network(1, bias), "3", single, lambda out: bce(out[:, 0], classes, reduction="sum"))


def test_what_is_behind_the_layer_counts_for_the_curvature() -> None:
    # A bend adds what the Gauss-Newton matrix leaves out, but not in expectation over what the learner predicts.
    learner, pool = Behind(3).double().eval(), pool_for(CLASSES)
    inputs = pool.inputs(torch.arange(30)).double()
    probabilities = learner(inputs).softmax(dim=1).detach()
    assert_curvature(learner, "last", pool, lambda out: -1.0 * (probabilities * out.log_softmax(dim=1)).sum())
    learner, pool = Behind(4).double().eval(), pool_for(REGRESSION)
    mean, logs = learner(inputs).detach().chunk(2, dim=1)

    def expected(outputs: Tensor) -> Tensor:
        means, logs_of = outputs.chunk(2, dim=1)
        # One standard deviation to either side has the moments of the distribution.
        squares = [(mean + side * (0.5 * logs).exp() - means).square() for side in (-1, 1)]
        loss: Tensor = 0.5 * (logs_of + 0.5 * (squares[0] + squares[1]) * (-logs_of).exp()).sum()
        return loss

    assert_curvature(learner, "last", pool, expected)


@pytest.mark.parametrize("precision", [None, 2.0])
def test_a_linear_model_has_the_posterior_of_bayesian_linear_regression(precision: float | None) -> None:
    spec, rows, inputs = TaskSpec(Task.REGRESSION, (4,), 1), drawn(40, 4), drawn(7, 4, seed=5)
    targets = rows @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]]) + 0.3 * drawn(40, 1, seed=2)
    design = torch.cat([rows, torch.ones(40, 1)], dim=1).double()
    alpha, noise = 2.0, 0.1
    for _ in range(200):  # The mode is that of the precisions found, so that both are those of the textbook.
        weights = torch.linalg.solve(
            alpha * torch.eye(5, dtype=torch.float64) + design.T @ design / noise, design.T @ targets.double() / noise
        )
        learner = nn.Linear(4, 1).double()
        with torch.no_grad():
            learner.weight.copy_(weights[:4].T)
            learner.bias.copy_(weights[4])
        pool = Pool(rows.double(), targets, spec)
        module = laplace(pool, predictive="probit", prior_precision=precision)
        posterior = module.posterior(learner, 0)
        assert posterior.noise is not None
        alpha, noise = posterior.precision, float(posterior.noise)
    assert precision is None or alpha == precision
    covariance = torch.linalg.inv(alpha * torch.eye(5, dtype=torch.float64) + design.T @ design / noise)
    new = torch.cat([inputs, torch.ones(7, 1)], dim=1).double()
    outputs = predicted(module, learner, inputs.double())
    torch.testing.assert_close(outputs[:, :1], new @ weights)
    torch.testing.assert_close(outputs[:, 1].exp(), noise + ((new @ covariance) * new).sum(dim=1))
    evidence = direct_evidence(design, targets.double()[:, 0])
    best = evidence(alpha, noise)
    around = [1.05, 1 / 1.05]
    assert all(evidence(alpha, noise * factor) < best for factor in around)
    assert precision is not None or all(evidence(alpha * factor, noise) < best for factor in around)


def direct_evidence(design: Tensor, targets: Tensor) -> Callable[[float, float], float]:
    """Return the log-density of ``targets`` under a zero-mean Gaussian with the prior's and the noise's covariance."""

    def evidence(alpha: float, noise: float) -> float:
        covariance = noise * torch.eye(len(targets), dtype=torch.float64) + design @ design.T / alpha
        zero = torch.zeros(len(targets), dtype=torch.float64)
        return float(torch.distributions.MultivariateNormal(zero, covariance).log_prob(targets))

    return evidence


def test_structures_agree_where_they_are_exact() -> None:
    learner, single = network(3).double(), double(pool_for(CLASSES, 1))
    torch.testing.assert_close(covariance_of(learner, single, "kron", 0.5), covariance_of(learner, single, "full", 0.5))
    many = double(pool_for(CLASSES))
    precision = torch.linalg.inv(covariance_of(learner, many, "full", 0.5))
    torch.testing.assert_close(covariance_of(learner, many, "diag", 0.5), (1 / precision.diagonal()).diag())


@pytest.mark.parametrize("structure", sorted(STRUCTURES))
def test_variances_are_those_of_the_draws(structure: str) -> None:
    learner, pool, features = network(3).double(), double(pool_for(CLASSES)), drawn(8, 6, seed=4).double()
    covariance = covariance_of(learner, pool, structure, 0.5).unflatten(0, (3, 6)).unflatten(2, (3, 6))
    found = fitted(learner.eval(), pool, CLASSES, structure, 0.5).covariance
    expected = torch.einsum("bd,cdke,be->bck", features, covariance, features)
    torch.testing.assert_close(found.spread(features), expected)
    torch.testing.assert_close(found.variance(features), expected.diagonal(dim1=1, dim2=2))


def test_probit_divides_each_logit_by_its_spread() -> None:
    learner, pool, inputs = network(3), pool_for(CLASSES), drawn(9, 4, seed=3)
    module = laplace(pool, predictive="probit")
    outputs = predicted(module, learner, inputs)
    covariance = covariance_of(learner, pool, "full", module.posterior(learner, 1).precision)
    with torch.no_grad():
        features = torch.cat([learner[:3](inputs), torch.ones(9, 1)], dim=1).double()
        logits = learner(inputs)
    for c in range(3):
        variance = ((features @ covariance[6 * c : 6 * c + 6, 6 * c : 6 * c + 6]) * features).sum(dim=1)
        expected = logits[:, c] / (1 + torch.pi / 8 * variance).sqrt()
        torch.testing.assert_close(outputs[:, c], expected.float(), rtol=1e-4, atol=1e-5)
    assert not module.stochastic


@pytest.mark.parametrize(("make", "spec"), [(network, CLASSES), (Behind, CLASSES), (Behind, REGRESSION)])
def test_samples_are_fixed_networks(make: Callable[[int], nn.Module], spec: TaskSpec) -> None:
    learner, pool, inputs = make(spec.num_outputs), pool_for(spec), drawn(23, 4, seed=3)
    module = laplace(pool, num_samples=6)
    whole = predicted(module, learner, inputs)
    with module.prepared(learner, SEEDS) as outputs:
        parts = torch.cat([outputs(rows) for rows in inputs.split(5)], dim=1)
    torch.testing.assert_close(parts, whole)
    assert module.stochastic
    assert whole.shape == (6, 23, spec.num_outputs * (2 if spec is REGRESSION else 1))
    assert not torch.allclose(whole[0], whole[1])
    assert not torch.equal(whole, predicted(module, learner, inputs, Seeds(0, step=2)))
    noise = torch.randn(6, spec.num_outputs, 6, generator=SEEDS.torch("posterior", "laplace"), dtype=torch.float64)
    shift = module.posterior(learner.eval(), 1).covariance.root(noise)
    last = [each for each in learner.modules() if isinstance(each, nn.Linear)][-1]
    mean, bias = last.weight.clone(), last.bias.clone()
    for k in range(6):
        with torch.no_grad():
            last.weight.copy_(mean + shift[k, :, :5])
            last.bias.copy_(bias + shift[k, :, 5])
            torch.testing.assert_close(whole[k][:, : spec.num_outputs], learner(inputs))


def test_the_learner_and_the_generators_are_left_as_they_were() -> None:
    for predictive in ("samples", "probit"):
        learner, pool = Behind(2).train(), pool_for(REGRESSION)
        learner.front.eval()
        weights = {name: value.clone() for name, value in learner.state_dict().items()}
        state, modes = torch.get_rng_state(), [module.training for module in learner.modules()]
        module = laplace(pool, predictive=predictive)
        assert not predicted(module, learner, drawn(5, 4)).requires_grad
        with pytest.raises(RuntimeError), module.prepared(learner, SEEDS) as outputs:
            outputs(torch.zeros(2, 7))
        assert torch.equal(torch.get_rng_state(), state)
        assert [module.training for module in learner.modules()] == modes
        assert all(torch.equal(value, weights[name]) for name, value in learner.state_dict().items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in learner.parameters())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in learner.modules())
        assert torch.is_grad_enabled()


def test_it_is_fitted_anew_when_step_weights_or_pool_have_changed_and_only_then() -> None:
    learner, pool = network(3), pool_for(CLASSES)
    module = laplace(pool, predictive="probit")
    inputs = drawn(5, 4)
    before = predicted(module, learner, inputs)
    reads = pool.reads
    assert torch.equal(predicted(module, learner, inputs), before)
    assert pool.reads == reads
    learner.get_parameter("3.weight").data.mul_(1.5)
    assert not torch.equal(predicted(module, learner, inputs), before)
    predicted(module, learner, inputs, Seeds(0, step=2))
    pool._inputs, pool._targets = pool._inputs[:20], pool._targets[:20]
    predicted(module, learner, inputs, Seeds(0, step=2))
    assert pool.reads == 4 * reads


def test_without_labels_the_prior_is_left() -> None:
    learner, inputs = network(3), drawn(5, 4)
    module = laplace(pool_for(CLASSES, 0), predictive="probit")
    with torch.no_grad():
        features = torch.cat([learner.eval()[:3](inputs), torch.ones(5, 1)], dim=1)
        expected = learner(inputs) / (1 + torch.pi / 8 * features.square().sum(dim=1, keepdim=True)).sqrt()
    torch.testing.assert_close(predicted(module, learner, inputs), expected)


def test_more_labels_leave_less_spread() -> None:
    spreads = []
    for count in (10, 100, 1000):
        learner = nn.Linear(4, 2)
        with torch.no_grad():
            learner.weight.copy_(drawn(2, 4, seed=9))
        module = laplace(pool_for(REGRESSION, count), predictive="samples", prior_precision=1.0, num_samples=50)
        spreads.append(float(predicted(module, learner, drawn(20, 4, seed=7))[..., :2].std(dim=0).mean()))
    assert spreads[0] > 2 * spreads[1] > 4 * spreads[2]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        Laplace("both", 0, "dense", 0.0)
    wrong = [problem.where.removeprefix("inference.") for problem in caught.value.problems]
    assert wrong == ["predictive", "num_samples", "structure", "prior_precision"]
    parts = (TaskPart("a", Task.CLASSIFICATION, 2), TaskPart("b", Task.CLASSIFICATION, 2))
    with pytest.raises(ConfigError, match="several tasks"):
        Laplace(spec=TaskSpec(Task.CLASSIFICATION, (4,), 4, tasks=parts))
    with pytest.raises(ConfigError, match="no linear layer"):
        Laplace().validate(nn.Sequential(nn.Conv1d(1, 1, 1)))
    learner = network(3)
    learner.embedding_layer = "1"  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="not a Tanh"):
        Laplace().validate(learner)
    with pytest.raises(StrategyError, match="training pool"):
        predicted(Laplace(spec=CLASSES), network(3), drawn(2, 4))
    tokens = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 3))
    with pytest.raises(StrategyError, match=r"takes \[B, d\]"):
        predicted(laplace(pool_for(CLASSES)), tokens, drawn(2, 4))


def config(*words: str) -> dict[str, Any]:
    return checked(resolved(Composer(Trust()).compose(words).config), Trust())


def test_a_strategy_that_needs_samples_is_told_before_anything_runs() -> None:
    words = ["inference=laplace", "query=bald"]
    Builder(config(*words)).components()
    with pytest.raises(ConfigError, match="needs posterior samples") as caught:
        Builder(config(*words, "inference.predictive=probit")).components()
    assert len(caught.value.problems) == 1
