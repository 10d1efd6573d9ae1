"""Several tasks at once: a shared backbone with one head a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import ConfigError, Problem
from alrun.core.types import Task, TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import factory_problems

__all__ = ["MISSING", "MultiTask", "joint_cross_entropy"]

#: Target of a task whose label is not known.
MISSING = -1

BackboneFactory = Callable[[tuple[int, ...]], nn.Module]
HeadFactory = Callable[[int, int], nn.Module]


def joint_cross_entropy(logits: Sequence[Tensor], targets: Tensor) -> Tensor:
    """Return the mean, over the tasks that occur in the batch, of each task's mean cross-entropy in nats.

    A batch may mix rows of different tasks: a row counts for the tasks of which it has a label. Without any label the
    loss is 0, and differentiable. Nothing waits for the device.

    Args:
        logits: For each of ``T`` tasks ``[B, C_t]``.
        targets: ``[B, T]`` ``int64`` classes, -1 where a label is missing.
    """
    columns = targets.unbind(dim=1)
    pairs = zip(logits, columns, strict=True)
    sums = [functional.cross_entropy(one, column, ignore_index=MISSING, reduction="sum") for one, column in pairs]
    counts = (targets != MISSING).sum(dim=0)
    losses = torch.stack(sums) / counts.clamp_min(1)
    return losses.sum() / (counts > 0).sum().clamp_min(1)


class Heads(nn.Module):
    """A backbone and what reads its features: one head a task, their logits side by side."""

    def __init__(self, backbone: nn.Module, heads: Sequence[nn.Module]) -> None:
        """Put ``heads`` on ``backbone``."""
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``[B, sum C]`` of inputs ``[B, *input_shape]``; the features are computed once."""
        features = self.backbone(inputs)
        return torch.cat([head(features) for head in self.heads], dim=-1)


class MultiTask(Learner):
    """Joint learning of several classifications: the loss is the mean over the tasks in the batch of each task's own.

    Targets are ``[B, T]`` with -1 for a missing label, or ``[B]`` for a single task. Outputs are the logits of all
    tasks side by side; ``alrun.core.outputs.task_outputs`` takes them apart. See ``Learner`` for the other arguments.

    Args:
        spec: Input shape and tasks.
        backbone: Makes the module from inputs ``[B, *input_shape]`` to features ``[B, d]``; called with
            ``input_shape``. In the config the group ``backbone``; one of your own begins with
            ``# @package learner.backbone`` and has ``_partial_: true``.
        optimizer: Makes the optimiser from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimiser.
        scheduler_monitor: Value that the scheduler watches.
        head: Makes a head from ``d`` and the number of classes.

    Attributes:
        task_ids: Names of the tasks, in the order of the targets' columns.

    Raises:
        ConfigError: With every problem at once; also where backbone and heads do not fit together.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    multi_task: ClassVar[bool] = True
    body: Heads

    def __init__(
        self,
        spec: TaskSpec,
        backbone: BackboneFactory,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        head: HeadFactory = nn.Linear,
    ) -> None:
        problems = chain(
            factory_problems("learner.backbone", backbone, "alrun.backbone.mlp.MLP"),
            factory_problems("learner.head", head, "torch.nn.Linear"),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, "mean", problems)
        self._make_head = head
        self.body = Heads(backbone(spec.input_shape), [])
        parts: dict[str | int, int] = {part.name: part.num_outputs for part in spec.tasks} or {0: spec.num_outputs}
        self.setup_tasks(list(parts), parts, optimizer, scheduler)

    def setup_tasks(
        self,
        task_ids: Sequence[str | int],
        num_classes: Mapping[str | int, int],
        optimizer: OptimizerFactory,
        lr_scheduler: SchedulerFactory | None = None,
    ) -> None:
        """Give the backbone a new head for each task; called by the constructor with the tasks of the data.

        Args:
            task_ids: The tasks, in the order of the targets' columns.
            num_classes: Classes of each task.
            optimizer: Makes the optimiser from the parameters.
            lr_scheduler: Makes the learning-rate scheduler from the optimiser.

        Raises:
            ConfigError: A task without classes or named twice, or a backbone or head that does not fit; nothing has
                changed then.
        """
        problems = list(_task_problems(task_ids, num_classes))
        if problems:
            raise ConfigError(problems)
        backbone = self.body.backbone
        width = _feature_width(backbone, self.spec.input_shape)
        heads = [self._make_head(width, num_classes[task]) for task in task_ids]
        for task, head in zip(task_ids, heads, strict=True):
            _check_head(head, width, num_classes[task], task)
        self.task_ids = tuple(task_ids)
        self._classes = [num_classes[task] for task in task_ids]
        self.body = Heads(backbone, heads)
        self._make_optimizer, self._make_scheduler = optimizer, lr_scheduler

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``joint_cross_entropy`` of a batch: ``inputs`` ``[B, ...]``, ``targets`` ``[B, T]`` or ``[B]``."""
        logits = self._raw(inputs).split(self._classes, dim=-1)
        return joint_cross_entropy(logits, targets.reshape(len(inputs), -1))


def _task_problems(task_ids: Sequence[str | int], num_classes: Mapping[str | int, int]) -> Iterator[Problem]:
    if not task_ids:
        yield Problem("there are no tasks to learn", "learner")
    if len(set(task_ids)) != len(task_ids):
        yield Problem(f"a task is named twice among {list(task_ids)}", "learner")
    for task in task_ids:
        if num_classes.get(task, 0) < 2:
            yield Problem(
                f"task {task!r} has {num_classes.get(task, 0)} classes, of which nothing can be learnt", "data"
            )


def _feature_width(backbone: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return ``d``, as two rows of zeros have it that go through ``backbone``."""
    features = _tried(backbone, torch.zeros(2, *input_shape), "learner.backbone", f"inputs of shape {input_shape}")
    declared = getattr(backbone, "output_size", features.shape[-1])
    if features.shape != (2, declared):
        what = f"{type(backbone).__name__} gives {list(features.shape)} for two inputs, not features [2, {declared}]"
        raise ConfigError(Problem(what, "learner.backbone", "end it with a flat layer of output_size columns"))
    return int(declared)


def _check_head(head: nn.Module, width: int, classes: int, task: str | int) -> None:
    logits = _tried(head, torch.zeros(2, width), "learner.head", f"features [2, {width}] of task {task!r}")
    if logits.shape != (2, classes):
        what = f"the head of task {task!r} gives {list(logits.shape)} for two rows, not logits [2, {classes}]"
        raise ConfigError(Problem(what, "learner.head", "learner.head is called with (features, classes)"))


def _tried(module: nn.Module, inputs: Tensor, where: str, taken: str) -> Tensor:
    modes = [(one, one.training) for one in module.modules()]
    try:
        with torch.no_grad():
            outputs: Tensor = module.eval()(inputs)
            return outputs
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        what = f"{type(module).__name__} does not take {taken}: {str(error).splitlines()[0]}"
        raise ConfigError(Problem(what, where, "see: alrun ls backbone")) from error
    finally:
        for one, mode in modes:
            one.training = mode
