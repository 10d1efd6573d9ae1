"""Every learner, as its YAML describes it: shapes, seeds, steps, optimizers, refusals."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from alrun.config.paths import conf_dir
from alrun.core.errors import ConfigError
from alrun.core.protocols.model import LearnerProtocol
from alrun.core.types import Task, TaskSpec
from alrun.learner.base import Learner
from alrun.learner.cnn import CNN
from alrun.learner.layers import BatchNorm1d
from alrun.learner.linear import Linear
from alrun.learner.mlp import MLP

CONF = conf_dir() / "learner"
ADAM = partial(torch.optim.Adam, lr=1e-3)
CLASSES = TaskSpec(Task.CLASSIFICATION, (1, 8, 8), 10)
VALUES = TaskSpec(Task.REGRESSION, (1, 8, 8), 3)


def build(option: str, spec: TaskSpec, **overrides: Any) -> Learner:
    company = {"backbone": OmegaConf.load(CONF.parent / "backbone/mlp.yaml")} if option == "multitask" else {}
    config = OmegaConf.merge(OmegaConf.load(CONF / f"{option}.yaml"), company, overrides)
    assert isinstance(config, DictConfig)
    config.pop("defaults", None)
    learner = instantiate(config, _partial_=True, _convert_="all")(spec=spec)
    assert isinstance(learner, Learner)
    return learner


def is_plain(config: Any) -> bool:
    """Return whether a learner needs no tests of its own: for any kind of data, with an optimizer, from no file."""
    return {"likelihood", "optimizer"} <= set(config) and "model" not in set(config)


SINGLE = [path.stem for path in sorted(CONF.glob("*.yaml")) if is_plain(OmegaConf.load(path))]
options = pytest.mark.parametrize("option", SINGLE)


@options
@pytest.mark.parametrize(
    ("spec", "likelihood", "width"), [(CLASSES, "mean", 10), (VALUES, "mean", 3), (VALUES, "gaussian", 6)]
)
def test_outputs_and_losses_have_the_shapes_of_the_convention(
    option: str, spec: TaskSpec, likelihood: str, width: int
) -> None:
    learner = build(option, spec, likelihood=likelihood)
    assert isinstance(learner, LearnerProtocol)
    inputs = torch.rand(5, *spec.input_shape)
    targets = torch.randint(0, 10, (5,)) if spec.task is Task.CLASSIFICATION else torch.rand(5, 3)
    assert learner.inference_step(inputs).shape == (5, width)
    loss = learner.training_step((inputs, targets))
    assert loss.shape == ()
    loss.backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())
    assert learner.validation_step((inputs, targets)).isfinite()


@options
def test_weights_are_a_function_of_the_global_seed(option: str) -> None:
    def weights(seed: int) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.utils.parameters_to_vector(build(option, CLASSES).parameters()).detach()

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@options
def test_the_optimizer_learns_a_separable_task(option: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learner = build(option, TaskSpec(Task.CLASSIFICATION, (1, 8, 8), 2))
        targets = torch.arange(64) % 2
        inputs = torch.rand(64, 1, 8, 8) + 0.5 * targets.reshape(64, 1, 1, 1)
        optimizer = learner.configure_optimizers()
        for _ in range(60):
            optimizer.zero_grad()
            learner.training_step((inputs, targets)).backward()
            optimizer.step()
    learner.eval()
    assert (learner(inputs).argmax(dim=1) == targets).float().mean() > 0.95


def test_forward_of_a_plain_classifier_is_its_body() -> None:
    learner = MLP(TaskSpec(Task.CLASSIFICATION, (4,), 3), ADAM).eval()
    inputs = torch.rand(6, 4)
    assert torch.equal(learner(inputs), learner.body(inputs))
    assert set(learner.state_dict()) == {f"body.{name}" for name in learner.body.state_dict()}


@pytest.mark.parametrize(
    ("scheduler", "monitor", "expected"),
    [
        (partial(torch.optim.lr_scheduler.StepLR, step_size=2), None, None),
        (torch.optim.lr_scheduler.ReduceLROnPlateau, None, "val_loss"),
        (torch.optim.lr_scheduler.ReduceLROnPlateau, "train_loss", "train_loss"),
    ],
)
def test_a_scheduler_comes_with_its_optimizer_and_monitor(scheduler: Any, monitor: str | None, expected: str) -> None:
    learner = Linear(TaskSpec(Task.CLASSIFICATION, (4,), 3), ADAM, scheduler, scheduler_monitor=monitor)
    configured = learner.configure_optimizers()
    assert configured["lr_scheduler"]["scheduler"].optimizer is configured["optimizer"]
    assert configured["lr_scheduler"].get("monitor") == expected


@pytest.mark.parametrize("learner_class", [MLP, CNN])
def test_batch_norm_trains_on_a_batch_of_one_row(learner_class: type[Learner]) -> None:
    learner = learner_class(CLASSES, ADAM, batch_norm=True)  # type: ignore[call-arg]
    assert learner.training_step((torch.rand(1, 1, 8, 8), torch.tensor([3]))).isfinite()
    assert learner.training


def test_batch_norm_of_more_rows_is_that_of_torch() -> None:
    ours, theirs = BatchNorm1d(3), nn.BatchNorm1d(3)
    inputs = torch.rand(5, 3)
    assert torch.equal(ours(inputs), theirs(inputs))
    assert ours.running_mean is not None
    assert theirs.running_mean is not None
    running = ours.running_mean.clone()
    ours(inputs[:1])
    assert torch.equal(running, theirs.running_mean)
    assert torch.equal(ours.running_mean, running)


def test_a_cnn_refuses_inputs_that_are_no_images() -> None:
    with pytest.raises(ConfigError, match=r"data\.image=true"):
        CNN(TaskSpec(Task.CLASSIFICATION, (64,), 10), ADAM)
    with pytest.raises(ConfigError, match="reduce an image of 2x2 to nothing"):
        CNN(TaskSpec(Task.CLASSIFICATION, (1, 2, 2), 10), ADAM)


def test_every_bad_option_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        MLP(
            TaskSpec(Task.REGRESSION, (4,), 1, standardize=(4,)),
            ADAM,
            hidden=[64, 0],
            dropout=1.0,
            activation="rellu",
            likelihood="gausian",
        )
    places = [problem.where for problem in caught.value.problems]
    assert places == ["learner.hidden", "learner.dropout", "learner.activation", "learner.likelihood", "data"]
    assert "learner.activation=relu" in str(caught.value)
    assert "learner.likelihood=gaussian" in str(caught.value)
