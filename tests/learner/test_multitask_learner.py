"""Joint learning: the loss by hand, what is missing, and whether backbone and heads fit together."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from alrun.backbone.mlp import MLP
from alrun.core.errors import ConfigError
from alrun.core.outputs import gaussian_moments, task_outputs
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.learner.multitask import MultiTask, joint_cross_entropy

ADAM = partial(torch.optim.Adam, lr=1e-2)
BODY = partial(MLP, hidden=[16], dropout=0.0)
PARTS = tuple(TaskPart(name, Task.CLASSIFICATION, size) for name, size in (("kind", 3), ("side", 2)))
SPEC = TaskSpec(Task.CLASSIFICATION, (4,), 5, tasks=PARTS)


def learner(**options: Any) -> MultiTask:
    return MultiTask(SPEC, **{"backbone": BODY, "optimizer": ADAM, **options})


def random_logits(seed: int, rows: int = 6) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, part.num_outputs, generator=generator, requires_grad=True) for part in PARTS]


def test_the_loss_is_the_mean_over_tasks_of_each_tasks_mean() -> None:
    logits = random_logits(0)
    targets = torch.tensor([[0, -1], [2, 1], [1, -1], [-1, 0], [0, -1], [-1, -1]])
    first = cross_entropy(logits[0][[0, 1, 2, 4]], targets[[0, 1, 2, 4], 0])
    second = cross_entropy(logits[1][[1, 3]], targets[[1, 3], 1])
    torch.testing.assert_close(joint_cross_entropy(logits, targets), (first + second) / 2)


def test_a_task_without_labels_in_the_batch_counts_for_nothing() -> None:
    logits = random_logits(1)
    targets = torch.tensor([[0, -1], [2, -1], [1, -1], [1, -1], [0, -1], [2, -1]])
    loss = joint_cross_entropy(logits, targets)
    torch.testing.assert_close(loss, cross_entropy(logits[0], targets[:, 0]))
    loss.backward()
    assert logits[1].grad is not None
    assert not logits[1].grad.any()


def test_a_batch_without_any_label_teaches_nothing() -> None:
    model = learner()
    loss = model.training_step((torch.rand(3, 4), torch.full((3, 2), -1)))
    loss.backward()
    assert loss == 0
    assert not any(parameter.grad.any() for parameter in model.parameters() if parameter.grad is not None)


def test_outputs_are_the_heads_side_by_side_and_come_apart() -> None:
    model = learner().eval()
    inputs = torch.rand(5, 4)
    apart = task_outputs(model(inputs), SPEC)
    features = model.body.backbone(inputs)
    for part, head in zip(apart, model.body.heads, strict=True):
        torch.testing.assert_close(part, head(features))
    assert [part.shape[1] for part in apart] == [3, 2]
    assert model.task_ids == ("kind", "side")


def test_it_learns_tasks_of_which_each_row_has_one_label() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = learner()
        inputs = torch.rand(120, 4)
        whole = torch.stack([(inputs[:, 0] * 3).long(), (inputs[:, 1] > 0.5).long()], dim=1)
        targets = whole.clone()
        targets[::2, 0], targets[1::2, 1] = -1, -1
        optimizer = model.configure_optimizers()
        for _ in range(300):
            optimizer.zero_grad()
            model.training_step((inputs, targets)).backward()
            optimizer.step()
    right = [(part.argmax(dim=1) == whole[:, t]).float() for t, part in enumerate(task_outputs(model(inputs), SPEC))]
    assert right[0][::2].mean() > 0.9, "did not learn a task from the other rows' labels"
    assert right[1][1::2].mean() > 0.9, "did not learn a task from the other rows' labels"


def test_a_single_task_is_a_plain_classifier() -> None:
    model = MultiTask(TaskSpec(Task.CLASSIFICATION, (4,), 3), BODY, ADAM).eval()
    inputs, targets = torch.rand(6, 4), torch.arange(6) % 3
    torch.testing.assert_close(model.training_step((inputs, targets)), cross_entropy(model(inputs), targets))


def test_tasks_can_be_set_up_again_with_their_optimizer_and_scheduler() -> None:
    model = learner()
    decay = partial(torch.optim.lr_scheduler.StepLR, step_size=3)
    model.setup_tasks([7, 9, 11], {7: 2, 9: 4, 11: 3}, partial(torch.optim.SGD, lr=0.5), decay)
    configured = model.configure_optimizers()
    assert isinstance(configured["optimizer"], torch.optim.SGD)
    assert isinstance(configured["lr_scheduler"]["scheduler"], torch.optim.lr_scheduler.StepLR)
    assert model(torch.rand(2, 4)).shape == (2, 9)
    assert model.training_step((torch.rand(2, 4), torch.tensor([[1, 3, -1], [0, -1, 2]]))).isfinite()
    given = {id(parameter) for group in configured["optimizer"].param_groups for parameter in group["params"]}
    assert given == {id(parameter) for parameter in model.parameters()}


class Wrong(nn.Module):
    def __init__(self, input_shape: tuple[int, ...], output_size: int | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 6)
        if output_size is not None:
            self.output_size = output_size

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.layer(inputs)
        return outputs


class Wider(Wrong):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs)[:, None]


@pytest.mark.parametrize(
    ("options", "where", "what"),
    [
        ({"backbone": partial(Wrong, output_size=8)}, "learner.backbone", r"\[2, 6\] for two inputs"),
        ({"backbone": Wider}, "learner.backbone", r"\[2, 1, 6\] for two inputs"),
        ({"backbone": lambda shape: nn.Linear(3, 6)}, "learner.backbone", "does not take inputs"),
        ({"head": lambda width, classes: nn.Linear(width, 4)}, "learner.head", r"\[2, 4\] for two rows"),
        ({"head": lambda width, classes: nn.Linear(width + 1, classes)}, "learner.head", "does not take features"),
        ({"backbone": 3}, "learner.backbone", "has no _target_"),
    ],
)
def test_a_backbone_and_heads_that_do_not_fit_are_refused(options: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        learner(**options)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_an_undeclared_width_is_found_and_the_try_leaves_no_trace() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = learner(backbone=lambda shape: nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.BatchNorm1d(6)))
        assert model(torch.rand(3, 4)).shape == (3, 5)
    fresh = learner(backbone=lambda shape: nn.BatchNorm1d(4))
    assert fresh.body.backbone.training
    assert int(fresh.body.backbone.num_batches_tracked) == 0  # type: ignore[arg-type]


def test_tasks_must_be_there_once_and_have_classes() -> None:
    model = learner()
    before = model.body
    with pytest.raises(ConfigError, match=r"named twice(.|\n)*has 1 classes"):
        model.setup_tasks(["a", "a", "b"], {"a": 2, "b": 1}, ADAM)
    assert model.body is before


NUMBERS = TaskSpec(
    Task.REGRESSION, (4,), 2, tasks=(TaskPart("small", Task.REGRESSION, 1), TaskPart("large", Task.REGRESSION, 1))
)
VALUES = torch.tensor([[0.1, 100.0], [0.3, math.nan], [math.nan, 500.0], [0.2, 300.0], [math.nan, math.nan]])


@pytest.mark.parametrize("likelihood", ["mean", "gaussian"])
def test_missing_numbers_count_for_nothing(likelihood: str) -> None:
    model = MultiTask(NUMBERS, BODY, ADAM, likelihood=likelihood)
    inputs = torch.rand(5, 4)
    model.fit_statistics(inputs, VALUES)
    torch.testing.assert_close(model.target_mean, torch.tensor([0.2, 300.0]))
    known = [VALUES[:, 0][~VALUES[:, 0].isnan()], VALUES[:, 1][~VALUES[:, 1].isnan()]]
    torch.testing.assert_close(model.target_std, torch.stack([column.std(correction=0) for column in known]))
    moments = gaussian_moments(model(inputs), 2)
    each = []
    for t in range(2):
        there = ~VALUES[:, t].isnan()
        error = (VALUES[there, t] - moments.mean[there, t]) / model.target_std[t]
        variance = moments.variance[there, t] / model.target_std[t] ** 2
        gaussian = 0.5 * (variance.log() + error.square() / variance)
        each.append((gaussian if likelihood == "gaussian" else error.square()).mean())
    loss = model.training_step((inputs, VALUES))
    torch.testing.assert_close(loss, torch.stack(each).mean(), rtol=1e-4, atol=1e-5)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    before = model.target_mean.clone()
    model.fit_statistics(inputs, torch.full((5, 2), math.nan))
    assert torch.equal(model.target_mean, before)


def test_means_and_log_variances_stand_in_blocks() -> None:
    model = MultiTask(NUMBERS, BODY, ADAM).eval()
    inputs = torch.rand(3, 4)
    features = model.body.backbone(inputs)
    first, second = (head(features) for head in model.body.heads)
    torch.testing.assert_close(
        model.body(inputs), torch.stack([first[:, 0], second[:, 0], first[:, 1], second[:, 1]], 1)
    )
