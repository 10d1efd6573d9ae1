"""Multi-task learner: a shared backbone with one head per task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import evaluating
from alrun.core.types import Task, TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import factory_problems
from alrun.learner.standardization import column_statistics

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


def joint_mean(errors: Tensor, targets: Tensor) -> Tensor:
    """Return the mean, over the tasks that occur in the batch, of the mean error of each.

    Args:
        errors: ``[B, T]``, finite; what stands where a target is missing counts for nothing.
        targets: ``[B, T]``, NaN where a label is missing.
    """
    known = ~targets.isnan()
    counts = known.sum(dim=0)
    losses = torch.where(known, errors, 0).sum(dim=0) / counts.clamp_min(1)
    return losses.sum() / (counts > 0).sum().clamp_min(1)


class Heads(nn.Module):
    """A backbone and what reads its features: one head per task, their outputs side by side."""

    def __init__(self, backbone: nn.Module, heads: Sequence[nn.Module], gaussian: bool = False) -> None:
        """Put ``heads`` on ``backbone``; ``gaussian`` ones each give a mean and a log-variance."""
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)
        self._gaussian = gaussian

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs for inputs ``[B, *input_shape]``; the features are computed once.

        They are logits ``[B, sum C]``, means ``[B, T]``, or means and log-variances ``[B, 2T]``.
        """
        features = self.backbone(inputs)
        outputs = [head(features) for head in self.heads]
        return torch.stack(outputs, dim=-1).flatten(1) if self._gaussian else torch.cat(outputs, dim=-1)


class MultiTask(Learner):
    """Joint learning of several tasks: the loss is the mean over the tasks in the batch of each task's own.

    Targets are ``[B, T]``, or ``[B]`` for a single classification. A missing label, -1 for a class and NaN for a
    number, counts for nothing. Outputs are those of all tasks side by side, as ``alrun.core.outputs`` has it. See
    ``Learner`` for the other arguments.

    Args:
        spec: Input shape and tasks.
        backbone: Makes the module from inputs ``[B, *input_shape]`` to features ``[B, d]``; called with
            ``input_shape``. In the config the group ``backbone``; one of your own begins with
            ``# @package learner.backbone`` and has ``_partial_: true``.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        likelihood: ``mean`` or ``gaussian``, for regression.
        head: Makes a head from ``d`` and its number of outputs: the classes, or 1 (``gaussian``: 2) for a regression.

    Attributes:
        tasks: Kinds of tasks of which it learns several.
        task_ids: Names of the tasks, in the order of the targets' columns.

    Raises:
        ConfigError: With every problem at once; also where backbone and heads do not fit together.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    multi_task: ClassVar[bool] = True
    body: Heads

    def __init__(
        self,
        spec: TaskSpec,
        backbone: BackboneFactory,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        head: HeadFactory = nn.Linear,
    ) -> None:
        problems = chain(
            factory_problems("learner.backbone", backbone, "alrun.backbone.mlp.MLP"),
            factory_problems("learner.head", head, "torch.nn.Linear"),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, likelihood, problems)
        self._make_head = head
        self.body = Heads(backbone(spec.input_shape), [])
        parts: dict[str | int, int] = {part.name: part.num_outputs for part in spec.tasks}
        if not parts:
            parts = dict.fromkeys(range(spec.num_outputs), 1) if self._regression else {0: spec.num_outputs}
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
            num_classes: Classes of each task; of a regression 1.
            optimizer: Makes the optimizer from the parameters.
            lr_scheduler: Makes the learning-rate scheduler from the optimizer.

        Raises:
            ConfigError: A task without classes or named twice, or a backbone or head that does not fit; nothing has
                changed then.
        """
        problems = list(_task_problems(task_ids, num_classes, 1 if self._regression else 2))
        if problems:
            raise ConfigError(problems)
        backbone = self.body.backbone
        width = _feature_width(backbone, self.spec.input_shape)
        sizes = [(2 if self._gaussian else 1) if self._regression else num_classes[task] for task in task_ids]
        heads = [self._make_head(width, size) for size in sizes]
        for task, size, head in zip(task_ids, sizes, heads, strict=True):
            _check_head(head, width, size, task)
        self.task_ids = tuple(task_ids)
        self._sizes = sizes
        self.body = Heads(backbone, heads, self._gaussian)
        self._make_optimizer, self._make_scheduler = optimizer, lr_scheduler

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the joint loss of a batch: ``inputs`` ``[B, ...]``, ``targets`` ``[B, T]`` or ``[B]``.

        Of a regression it is taken in units of the standardized targets: the squared error, or half the negative
        log-likelihood as in ``gaussian_nll``.
        """
        columns = targets.reshape(len(inputs), -1)
        if not self._regression:
            return joint_cross_entropy(self._raw(inputs).split(self._sizes, dim=-1), columns.long())
        standard = ((columns - self.target_mean) / self.target_std).nan_to_num()
        if not self._gaussian:
            return joint_mean((standard - self._raw(inputs)).square(), columns)
        mean, log_variance = self._standard_moments(inputs)
        return joint_mean(0.5 * (log_variance + (standard - mean).square() * (-log_variance).exp()), columns)

    def fit_statistics(self, inputs: Tensor, targets: Tensor) -> None:
        """Take the statistics for standardization from a training set: of each target, over the labels that are there.

        Args:
            inputs: ``[N, *input_shape]``.
            targets: ``[N, T]``; classes are not looked at. A target without any label keeps its statistics.
        """
        kept = torch.stack([self.target_mean, self.target_std]) if self._regression else None
        super().fit_statistics(inputs, targets)
        if kept is None or len(inputs) == 0:
            return
        for number, column in enumerate(targets.reshape(len(inputs), -1).unbind(dim=1)):
            known = column[~column.isnan()].to(kept)[:, None]
            mean, std = column_statistics(known) if len(known) else kept[:, number, None]
            self.target_mean[number], self.target_std[number] = mean[0], std[0]


def _task_problems(
    task_ids: Sequence[str | int], num_classes: Mapping[str | int, int], fewest: int
) -> Iterator[Problem]:
    if not task_ids:
        yield Problem("there are no tasks to learn", "learner")
    if len(set(task_ids)) != len(task_ids):
        yield Problem(f"a task is named twice among {list(task_ids)}", "learner")
    for task in task_ids:
        if num_classes.get(task, 0) < fewest:
            yield Problem(f"task {task!r} has {num_classes.get(task, 0)} classes, which is too few", "data")


def _feature_width(backbone: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return ``d``, as two rows of zeros have it that go through ``backbone``."""
    features = _tried(backbone, torch.zeros(2, *input_shape), "learner.backbone", f"inputs of shape {input_shape}")
    declared = getattr(backbone, "output_size", features.shape[-1])
    if features.shape != (2, declared):
        what = f"{type(backbone).__name__} gives {list(features.shape)} for two inputs, not features [2, {declared}]"
        raise ConfigError(Problem(what, "learner.backbone", "end it with a layer of output_size columns"))
    return int(declared)


def _check_head(head: nn.Module, width: int, size: int, task: str | int) -> None:
    outputs = _tried(head, torch.zeros(2, width), "learner.head", f"features [2, {width}] of task {task!r}")
    if outputs.shape != (2, size):
        what = f"the head of task {task!r} gives {list(outputs.shape)} for two rows, not [2, {size}]"
        raise ConfigError(Problem(what, "learner.head", "learner.head is called with (features, outputs)"))


def _tried(module: nn.Module, inputs: Tensor, where: str, taken: str) -> Tensor:
    try:
        with evaluating(module), torch.no_grad():
            outputs: Tensor = module(inputs)
            return outputs
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        what = f"{type(module).__name__} does not take {taken}: {str(error).splitlines()[0]}"
        raise ConfigError(Problem(what, where, "see: alrun ls backbone")) from error
