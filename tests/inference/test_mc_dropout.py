"""MC dropout: fixed networks, run together, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.protocols.model import InferenceModule
from alrun.core.seeding import Seeds
from alrun.inference.dropout.masks import DROPOUTS, affine, keep_masks, mask_shape
from alrun.inference.mc_dropout import MCDropout

SEEDS = Seeds(0, step=2, phase="query")


class Skip(nn.Module):
    """A skip connection around the first dropout layer: rows before and behind it meet."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.head = nn.Dropout(0.4), nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(inputs + self.drop(inputs))
        return output


class Twice(nn.Module):
    """One dropout layer that is called twice, on features of different width."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(6, 5), nn.Linear(5, 5), nn.Dropout(0.4)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden: Tensor = self.drop(self.second(self.drop(self.first(inputs))))
        return hidden


class Tokens(nn.Module):
    """Dropout on a reshaped batch: every sample has several rows."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.head = nn.Dropout(0.4), nn.Linear(2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(self.drop(inputs.reshape(-1, 2))).reshape(len(inputs), -1)
        return output


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3))


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 3, padding=1), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(24, 3)
    )


def mixed() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (3, 2)),
        nn.Dropout1d(0.4),
        nn.FeatureAlphaDropout(0.3),
        nn.Flatten(),
        nn.AlphaDropout(0.3),
        nn.Unflatten(1, (2, 3, 1, 1)),
        nn.Dropout3d(0.5),
        nn.Flatten(),
    )


networks = pytest.mark.parametrize("network", [mlp, conv, mixed, Skip, Twice, Tokens])


def predict(learner: nn.Module, inputs: Tensor, chunk: int = 10_000, seeds: Seeds = SEEDS, passes: int = 5) -> Tensor:
    with MCDropout(num_passes=passes).prepared(learner, seeds) as outputs:
        return torch.cat([outputs(rows) for rows in inputs.split(chunk)], dim=1)


def inputs_for(count: int = 23) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1))


def test_every_pass_is_one_fixed_network() -> None:
    learner, inputs = mlp().eval(), inputs_for()
    first, relu, _, second, _, head = learner.children()
    keep = keep_masks(SEEDS, "2/0", 5, torch.Size([8]), 0.3)
    keep_again = keep_masks(SEEDS, "4/0", 5, torch.Size([8]), 0.5)
    outputs = predict(learner, inputs)
    assert outputs.shape == (5, 23, 3)
    for k in range(5):
        hidden = second(relu(first(inputs)) * keep[k] / 0.7)
        torch.testing.assert_close(outputs[k], head(hidden * keep_again[k] / 0.5))
    assert len({tuple(row) for row in keep.tolist()}) > 1


@networks
def test_passes_do_not_depend_on_how_the_pool_is_split(network: Callable[[], nn.Module]) -> None:
    learner, inputs = network(), inputs_for()
    whole = predict(learner, inputs)
    assert whole.shape[:2] == (5, 23)
    for chunk in (1, 7):
        torch.testing.assert_close(predict(learner, inputs, chunk), whole)
    assert not torch.allclose(whole[0], whole[1])


@networks
def test_stacked_passes_equal_passes_one_by_one(network: Callable[[], nn.Module]) -> None:
    learner, inputs = network(), inputs_for()
    every = predict(learner, inputs, passes=5)
    one = predict(learner, inputs, passes=1)
    torch.testing.assert_close(every[:1], one)
    with MCDropout(num_passes=5).prepared(learner, SEEDS) as outputs:
        alone = torch.cat([outputs(row) for row in inputs.split(1)], dim=1)
    torch.testing.assert_close(alone, every)


@pytest.mark.parametrize(("network", "rows"), [(mlp, {3, 12, 3 * 5, 12 * 5}), (Skip, {3, 12})])
def test_only_a_network_that_joins_both_sizes_is_run_once_a_pass(
    network: Callable[[], nn.Module], rows: set[int]
) -> None:
    seen: list[int] = []
    learner = network()
    last = [module for module in learner.modules() if isinstance(module, nn.Linear)][-1]
    handle = last.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    predict(learner, inputs_for(12), passes=5)
    handle.remove()
    assert set(seen) <= rows
    assert seen.count(12) == (5 if network is Skip else 0)
    assert seen.count(60) == (0 if network is Skip else 1)


def test_masks_follow_the_seeds_alone() -> None:
    learner, inputs = mlp(), inputs_for()
    torch.manual_seed(7)
    before = predict(learner, inputs)
    torch.manual_seed(8)
    assert torch.equal(before, predict(learner, inputs))
    assert not torch.equal(before, predict(learner, inputs, seeds=SEEDS.at(3, "query")))
    assert not torch.equal(before, predict(learner, inputs, seeds=Seeds(1, 2, "query")))


@networks
def test_the_learner_and_the_generators_are_left_as_they_were(network: Callable[[], nn.Module]) -> None:
    learner = network().train()
    next(learner.children()).eval()
    dropout = next(module for module in learner.modules() if isinstance(module, DROPOUTS))
    vars(dropout)["forward"] = functional.relu
    modes = [module.training for module in learner.modules()]
    fields = [dict(vars(module)) for module in learner.modules()]
    weights = {name: value.clone() for name, value in learner.state_dict().items()}
    state = torch.get_rng_state()
    module = MCDropout(num_passes=3)
    held = dict(vars(module))
    with pytest.raises(RuntimeError, match=r"shape|unflatten"), module.prepared(learner, SEEDS) as outputs:
        outputs(torch.zeros(2, 7))
    assert [each.training for each in learner.modules()] == modes
    assert [dict(vars(each)) for each in learner.modules()] == fields
    assert all(torch.equal(value, weights[name]) for name, value in learner.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert vars(module) == held


def test_predicting_draws_nothing_from_the_global_generator() -> None:
    learner, inputs = mlp(), inputs_for()
    state = torch.get_rng_state()
    outputs = predict(learner, inputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert not outputs.requires_grad


def test_gradients_are_off_inside_the_calls_only() -> None:
    learner, inputs = mlp(), inputs_for()
    weight = torch.ones((), requires_grad=True)
    with MCDropout(num_passes=3).prepared(learner, SEEDS) as outputs:
        (outputs(inputs) * weight).sum().backward()
    assert weight.grad is not None


def test_the_mean_of_many_passes_approaches_the_weight_scaled_linear_network() -> None:
    learner, inputs = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 2)), inputs_for(4)
    outputs = predict(learner, inputs, passes=4000)
    error = outputs.std(dim=0) / 4000**0.5
    assert ((outputs.mean(dim=0) - learner.eval()(inputs)).abs() < 5 * error).all()


def test_prob_overrides_the_layers_own() -> None:
    learner = nn.Sequential(nn.Dropout(0.0), nn.Identity())
    with MCDropout(num_passes=200, prob=0.25).prepared(learner, SEEDS) as outputs:
        values = outputs(torch.ones(1, 50))
    torch.testing.assert_close(values.unique(), torch.tensor([0.0, 4 / 3]))
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [
        (nn.AlphaDropout(0.3), functional.alpha_dropout, (6, 4)),
        (nn.FeatureAlphaDropout(0.3), functional.feature_alpha_dropout, (6, 1)),
        (nn.Dropout(0.3), functional.dropout, (6, 4)),
        (nn.Dropout1d(0.3), functional.dropout1d, (6, 1)),
        (nn.Dropout2d(0.3), functional.dropout2d, (6, 1, 1)),
        (nn.Dropout3d(0.3), functional.dropout3d, (6, 1, 1, 1)),
    ],
)
def test_the_arithmetic_is_that_of_torch(layer: nn.Module, function: Callable[..., Tensor], shape: tuple[int]) -> None:
    inputs = 5 + torch.rand(64, *(6, 4, 3, 2)[: len(shape)], generator=torch.Generator().manual_seed(3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = function(inputs, 0.3, training=True)
    assert mask_shape(layer, inputs.shape[1:]) == shape
    keep = expected > 1
    assert 0 < keep.float().mean() < 1
    scale, shift = affine(layer, keep, 0.3)
    torch.testing.assert_close(inputs * scale + (0 if shift is None else shift), expected)


def test_dropout_of_everything_gives_zeros() -> None:
    values = predict(nn.Sequential(nn.Dropout(1.0)), inputs_for(3))
    assert torch.equal(values, torch.zeros(5, 3, 6))


def test_an_empty_batch_has_empty_outputs() -> None:
    assert predict(mlp(), inputs_for(0)).shape == (5, 0, 3)


@pytest.mark.parametrize("learner", [nn.Linear(6, 2), nn.Sequential(nn.Linear(6, 2), nn.Dropout(0.0))])
def test_a_learner_that_drops_nothing_is_refused(learner: nn.Module) -> None:
    module: InferenceModule = MCDropout()
    with pytest.raises(ConfigError, match=r"learner\.dropout"), module.prepared(learner, SEEDS):
        pass
    with pytest.raises(ConfigError, match=r"learner\.dropout"):
        MCDropout().validate(learner)


def test_dropout_layers_that_never_run_are_refused() -> None:
    learner = nn.Linear(6, 2)
    learner.add_module("unused", nn.Dropout(0.5))
    with pytest.raises(StrategyError, match="use none of them"):
        predict(learner, inputs_for())


def test_a_batch_that_does_not_come_first_is_refused() -> None:
    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, inputs: Tensor) -> Tensor:
            dropped: Tensor = self.drop(inputs[:, :5].T).T
            return dropped

    with pytest.raises(StrategyError, match="batch in its first dimension"):
        predict(Transposed(), inputs_for())


@pytest.mark.parametrize("prob", [1.0, 0, -0.1, "half"])
def test_arguments_out_of_range_are_all_named(prob: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        MCDropout(num_passes=0, prob=prob)
    assert [problem.where for problem in caught.value.problems] == ["inference.num_passes", "inference.prob"]
