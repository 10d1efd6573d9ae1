"""Small fully convolutional network: classes of the pixels of an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

from torch import nn

from alrun.core.arguments import choice_problems
from alrun.core.errors import Problem
from alrun.core.types import Task, TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import dropout_problems, size_problems
from alrun.learner.layers import ACTIVATIONS

__all__ = ["FCN"]


class FCN(Learner):
    """3x3 convolutions of growing dilation, each with an activation, dropout, then one of 1x1 to the classes.

    Every layer keeps height and width (Long, Shelhamer and Darrell 2015, "Fully convolutional networks for semantic
    segmentation"; dilations 1, 2, 4, … in place of pooling: Yu and Koltun 2016, "Multi-scale context aggregation by
    dilated convolutions"), so that outputs are logits ``[B, C, H, W]``. See ``Learner`` for the other arguments.

    Args:
        spec: Segmentation, of inputs ``(channels, height, width)``.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        channels: Output channels of each convolution.
        dropout: Probability of dropping a channel before the last layer, in ``[0, 1)``; 0 leaves the layer out.
        batch_norm: Whether to normalize before each activation.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.
        losses: Several losses by name, in place of the learner's own.

    Raises:
        ConfigError: With every problem at once; also where masks are not of the size of the images.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.SEGMENTATION})

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        channels: Sequence[int] = (16, 32, 32),
        dropout: float = 0.1,
        batch_norm: bool = False,
        activation: str = "relu",
        losses: Mapping[str, Any] | None = None,
    ) -> None:
        problems = chain(
            size_problems("learner.channels", channels),
            dropout_problems("learner.dropout", dropout),
            choice_problems("learner.activation", activation, ACTIVATIONS),
            _shape_problems(spec),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, problems=problems, losses=losses)
        layers: list[nn.Module] = []
        depth = spec.input_shape[0]
        for number, size in enumerate(channels):
            layers.append(_dilated(depth, size, 2**number, bias=not batch_norm))
            layers += [nn.BatchNorm2d(size)] if batch_norm else []
            layers.append(ACTIVATIONS[activation]())
            depth = size
        layers += [nn.Dropout2d(dropout)] if dropout > 0 else []
        self.body = nn.Sequential(*layers, nn.Conv2d(depth, spec.num_outputs, kernel_size=1))


def _dilated(depth: int, size: int, dilation: int, *, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(depth, size, kernel_size=3, padding=dilation, dilation=dilation, bias=bias)


def _shape_problems(spec: TaskSpec) -> Iterator[Problem]:
    if spec.task is not Task.SEGMENTATION:
        yield Problem("an fcn gives classes of pixels, and the data have no masks", "learner", "learner=cnn")
    elif len(spec.input_shape) != 3 or spec.input_shape[1:] != spec.target_shape:
        what = f"an fcn needs images (channels, height, width) of the size of their masks {spec.target_shape}"
        yield Problem(f"{what}, but the inputs have shape {spec.input_shape}", "data")
