"""Dropout folded into the linear layer behind it: the same outputs, without a copy of the rows for each pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from alrun.core.seeding import Seeds
from alrun.inference.dropout.masks import keep_masks
from alrun.inference.mc_dropout import MCDropout

SEEDS = Seeds(0, step=1)


class Heads(nn.Module):
    """Two heads on what one dropout layer gives; ``mixed`` adds a part that no linear layer takes."""

    def __init__(self, mixed: bool = False) -> None:
        super().__init__()
        self.body, self.drop = nn.Linear(6, 8), nn.Dropout(0.4)
        self.first, self.second, self.mixed = nn.Linear(8, 3), nn.Linear(8, 3, bias=False), mixed

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.drop(self.body(inputs).relu())
        outputs: Tensor = self.first(hidden) + 2 * self.second(hidden)
        return outputs + hidden[:, :3].tanh() if self.mixed else outputs


def last_only() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3))


def alpha() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.SELU(), nn.AlphaDropout(0.3), nn.Linear(8, 3, bias=False), nn.Tanh())


def deep() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 7), nn.ReLU(), nn.Dropout(0.2), nn.Linear(7, 3))
    )


def inputs_for(count: int) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1))


def one_by_one(learner: nn.Module, inputs: Tensor, passes: int) -> Tensor:
    """Return ``[K, B, C]`` with the masks multiplied on by hooks, pass by pass."""
    layers = {name: one for name, one in learner.named_modules() if isinstance(one, (nn.Dropout, nn.AlphaDropout))}
    outputs = []
    for k in range(passes):

        def masked(layer: nn.Module, name: str, k: int = k) -> Callable[..., Tensor]:
            def hook(_: nn.Module, arguments: tuple[Tensor], output: Tensor) -> Tensor:
                values = arguments[0]
                prob = float(layer.p)  # type: ignore[arg-type]
                keep = keep_masks(SEEDS, f"{name}/0", passes, values.shape[1:], prob)[k].float()
                if isinstance(layer, nn.Dropout):
                    return values * keep / (1 - prob)
                low = -1.7580993408473766
                factor = ((1 - prob) * (1 + prob * low**2)) ** -0.5
                dropped: Tensor = factor * (values * keep + low * (1 - keep) - low * prob)
                return dropped

            return hook

        handles = [layer.register_forward_hook(masked(layer, name)) for name, layer in layers.items()]
        with torch.no_grad():
            outputs.append(learner.eval()(inputs))
        for handle in handles:
            handle.remove()
    return torch.stack(outputs)


@pytest.mark.parametrize("network", [last_only, alpha, deep, Heads, lambda: Heads(mixed=True)])
def test_outputs_are_those_of_masked_rows(network: Callable[[], nn.Module]) -> None:
    learner, inputs = network(), inputs_for(23)
    with MCDropout(num_passes=5).prepared(learner, SEEDS) as outputs:
        found = outputs(inputs)
    torch.testing.assert_close(found, one_by_one(learner, inputs, 5))
    assert found.is_contiguous()


@pytest.mark.parametrize(
    ("network", "widest"), [(last_only, 12), (Heads, 12), (deep, 60), (lambda: Heads(mixed=True), 60)]
)
def test_rows_are_copied_only_where_something_else_takes_them(network: Callable[[], nn.Module], widest: int) -> None:
    learner, seen = network(), []
    for module in learner.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    with MCDropout(num_passes=5).prepared(learner, SEEDS) as outputs:
        outputs(inputs_for(12))
        seen.clear()
        outputs(inputs_for(12))
    assert max(seen) == widest
    assert sum(seen) < 5 * 12 * len(seen)


def test_many_rows_are_passed_in_blocks_with_the_same_outputs() -> None:
    learner, inputs = deep(), inputs_for(5000)
    with MCDropout(num_passes=3).prepared(learner, SEEDS) as outputs:
        whole = outputs(inputs)
        parts = torch.cat([outputs(rows) for rows in inputs.split(777)], dim=1)
    assert whole.shape == (3, 5000, 3)
    torch.testing.assert_close(whole, parts)


def test_two_may_predict_in_turns() -> None:
    learner, inputs = deep(), inputs_for(9)
    module = MCDropout(num_passes=3)
    with module.prepared(learner, SEEDS) as one, module.prepared(learner, Seeds(5)) as other:
        found = [(one(rows), other(rows)) for rows in inputs.split(4)]
    torch.testing.assert_close(torch.cat([first for first, _ in found], dim=1), one_by_one(learner, inputs, 3))
    with module.prepared(learner, Seeds(5)) as alone:
        torch.testing.assert_close(torch.cat([second for _, second in found], dim=1), alone(inputs))


def test_weights_may_change_between_uses() -> None:
    learner, inputs = last_only(), inputs_for(4)
    module = MCDropout(num_passes=3)
    with module.prepared(learner, SEEDS) as outputs:
        before = outputs(inputs)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(2)
    with module.prepared(learner, SEEDS) as outputs:
        after = outputs(inputs)
    torch.testing.assert_close(after, one_by_one(learner, inputs, 3))
    assert not torch.allclose(before, after)
