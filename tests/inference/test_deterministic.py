"""Deterministic inference: the learner in evaluation mode, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from alrun.core.protocols.model import InferenceModule
from alrun.core.seeding import Seeds
from alrun.inference.deterministic import Deterministic


class Doubling(nn.Sequential):
    """A learner whose inference step is not its forward."""

    def inference_step(self, inputs: Tensor) -> Tensor:
        output: Tensor = 2 * self(inputs)
        return output


def test_outputs_are_those_of_the_inference_step_in_evaluation_mode() -> None:
    layers = (nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    inputs = torch.rand(9, 4)
    module: InferenceModule = Deterministic()
    assert not module.stochastic
    with module.prepared(nn.Sequential(*layers), Seeds(0)) as outputs:
        plain = outputs(inputs)
    with module.prepared(Doubling(*layers), Seeds(0)) as outputs:
        doubled = outputs(inputs)
    expected = nn.Sequential(*layers).eval()(inputs)
    assert torch.equal(plain, expected)
    assert torch.equal(doubled, 2 * expected)
    assert not plain.requires_grad


def test_modes_statistics_hooks_and_generators_survive_an_error() -> None:
    learner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    learner[1].eval()
    handle = learner[0].register_forward_hook(lambda *_: None)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="shapes"), Deterministic().prepared(learner, Seeds(0)) as outputs:
        outputs(torch.zeros(3, 5))
    assert [module.training for module in learner.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert list(learner[0]._forward_hooks) == [handle.id]
    assert torch.equal(torch.get_rng_state(), state)
