"""SWAG: the moments of the weights that training passed through, and draws from the Gaussian that has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.loader import BatchLoader
from alrun.inference.averaged import Averaged
from alrun.inference.swag import SWAG
from alrun.learner.mlp import MLP
from alrun.pool.pools import pools
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

SEEDS = Seeds(2, 1, "training")
SPEC = TaskSpec(Task.CLASSIFICATION, (4,), 3)
EPOCHS = 8


def learner(number: int = 0) -> MLP:
    torch.manual_seed(number)
    return MLP(SPEC, partial(torch.optim.Adam, lr=0.05), hidden=(5,), dropout=0.0)


def data() -> Any:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 4, generator=generator)
    targets = inputs[:, :3].argmax(dim=1)
    pool: Any = pools(ArraySource(inputs, targets, SPEC), SEEDS).training
    pool.extend([Annotation(row, target) for row, target in enumerate(targets.tolist())])
    return pool


class Watched(BatchLoader):
    """A loader that looks at the weights when an epoch begins."""

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(data(), 16, SEEDS, **options)
        self.model = model
        self.seen: dict[int, Tensor] = {}

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        self.seen[epoch] = flat(self.model)


def flat(model: Any) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def trained(inference: SWAG, loop: Any, **limits: int) -> tuple[Averaged, list[Tensor]]:
    model: Any = inference.combine([learner(number) for number in range(inference.num_members)])
    loader = Watched(model, shuffles=model.shuffles)
    loop(model, model.configure_optimizers(), loader, **limits)
    return model, [*list(loader.seen.values())[1:], flat(model)]


def moments(model: Averaged) -> tuple[Tensor, Tensor, Tensor]:
    of = [model._of(number) for number in range(len(model.trained))]
    mean = torch.cat([one[0].flatten() for one in of])
    variance = torch.cat([one[1].flatten() for one in of]) / int(model.taken)
    return mean, variance, torch.cat([one[2].flatten(1) for one in of], dim=1)


LOOPS: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "fabric": (FabricLoop, {"max_epochs": EPOCHS}),
    "fabric, by steps": (FabricLoop, {"max_train_steps": 3 * EPOCHS}),
    "trainer": (TrainerLoop, {"max_epochs": EPOCHS}),
    "trainer, by steps": (TrainerLoop, {"max_train_steps": 3 * EPOCHS}),
}


@pytest.mark.parametrize(("loop", "limits"), LOOPS.values(), ids=LOOPS)
def test_moments_are_those_of_the_late_epochs(loop: Callable[..., Any], limits: dict[str, int]) -> None:
    model, path = trained(SWAG(rank=3, start=0.375), loop(accelerator="cpu"), **limits)
    assert len(path) == EPOCHS
    late = torch.stack(path[3:])
    mean, variance, deviations = moments(model)
    assert int(model.taken) == len(late) == 5
    torch.testing.assert_close(mean, late.mean(dim=0))
    torch.testing.assert_close(variance, late.var(dim=0, unbiased=False), rtol=1e-3, atol=1e-6)
    running = [late[number] - late[: number + 1].mean(dim=0) for number in (3, 4, 2)]
    torch.testing.assert_close(deviations, torch.stack(running), rtol=1e-3, atol=1e-5)


def test_training_is_that_of_the_learner_alone() -> None:
    _, path = trained(SWAG(), FabricLoop(accelerator="cpu"), max_epochs=EPOCHS)
    alone = learner()
    FabricLoop(accelerator="cpu")(alone, alone.configure_optimizers(), Watched(alone), max_epochs=EPOCHS)
    assert path[-1].equal(flat(alone))


def test_another_phase_forgets_the_one_before() -> None:
    model, _ = trained(SWAG(rank=2), FabricLoop(accelerator="cpu"), max_epochs=EPOCHS)
    loader = Watched(model)
    FabricLoop(accelerator="cpu")(model, model.configure_optimizers(), loader, max_epochs=4)
    late = torch.stack([loader.seen[3], flat(model)])
    torch.testing.assert_close(moments(model)[0], late.mean(dim=0))
    assert int(model.taken) == 2


@pytest.mark.parametrize("rank", [0, 3])
def test_draws_have_the_mean_and_the_covariance(rank: int) -> None:
    model, _ = trained(SWAG(rank=rank, start=0.25), FabricLoop(accelerator="cpu"), max_epochs=EPOCHS)
    drawn = model.posterior(4000, SEEDS)
    sample = torch.cat([drawn[name].flatten(1) for name in model.trained], dim=1)
    mean, variance, deviations = moments(model)
    expected = variance.diag() if rank == 0 else variance.diag() / 2 + deviations.T @ deviations / (2 * (rank - 1))
    scale = expected.diag().sqrt()
    assert ((sample.mean(dim=0) - mean).abs() <= 5 * scale / 4000**0.5 + 1e-6).all()
    error = (sample.T.cov() - expected).abs() / torch.outer(scale, scale).clamp_min(1e-12)
    assert error.max() < 5 * (2 / 4000) ** 0.5


def test_draws_are_predicted_with_and_leave_nothing_behind() -> None:
    inference = SWAG(num_samples=3, rank=2, num_members=2)
    model, _ = trained(inference, FabricLoop(accelerator="cpu"), max_epochs=EPOCHS)
    inputs = torch.randn(7, 4, generator=torch.Generator().manual_seed(1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    answers = []
    for seeds in (SEEDS, SEEDS, SEEDS.at(2)):
        with inference.prepared(model, seeds) as forward:
            answers.append(torch.cat([forward(inputs[:3]), forward(inputs[3:])], dim=1))
    assert answers[0].shape == (6, 7, 3)
    assert answers[0].equal(answers[1])
    assert not answers[0].equal(answers[2])
    assert len(answers[0].flatten(1).unique(dim=0)) == 6
    assert model.training
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    draws = model.posterior(3, SEEDS)
    alone: Any = learner()
    alone.load_state_dict({name: value[3] for name, value in draws.items()})
    torch.testing.assert_close(answers[0][3], alone.eval()(inputs).detach())


def test_without_a_late_epoch_it_predicts_with_the_weights_as_they_are() -> None:
    inference = SWAG(num_samples=2)
    model: Any = inference.combine([learner()])
    inputs = torch.randn(5, 4)
    with inference.prepared(model, SEEDS) as forward:
        outputs = forward(inputs)
    torch.testing.assert_close(outputs, learner().eval()(inputs).detach().expand(2, 5, 3))


@pytest.mark.parametrize("option", [{"num_samples": 0}, {"rank": -1}, {"start": 1.0}, {"num_members": 0}], ids=str)
def test_out_of_range(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        SWAG(**option)
    assert [problem.where for problem in caught.value.problems] == [f"inference.{name}" for name in option]


def test_a_learner_that_remembers_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"combine\(\)"):
        SWAG().validate(learner())
