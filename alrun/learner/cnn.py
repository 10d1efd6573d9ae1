"""Small convolutional network for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from torch import Tensor, nn

from alrun.core.arguments import choice_problems
from alrun.core.types import TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import dropout_problems, image_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, convolutions, dense

__all__ = ["CNN"]


class CNN(Learner):
    """Blocks of a 3x3 convolution, activation and 2x2 max-pooling, then one dense layer with dropout and a linear one.

    See ``Learner`` for the other arguments.

    Args:
        spec: Task and number of outputs; ``input_shape`` is ``(channels, height, width)``.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        likelihood: ``mean`` or ``gaussian``, for regression.
        channels: Output channels of each block; a block halves height and width.
        hidden: Width of the dense layer, which is also that of the embedding.
        dropout: Probability before the last layer, in ``[0, 1)``; 0 leaves the layer out.
        batch_norm: Whether to normalize before each activation.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.
        losses: Several losses by name, in place of the learner's own.
        augmentation: Of the inputs of each training step, see ``alrun.learner.augmentation``; ``None`` for none.

    Raises:
        ConfigError: With every problem at once; also for inputs that are not images or too small to be halved so often.
    """

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        channels: Sequence[int] = (16, 32),
        hidden: int = 128,
        dropout: float = 0.1,
        batch_norm: bool = False,
        activation: str = "relu",
        losses: Mapping[str, Any] | None = None,
        augmentation: nn.Module | None = None,
    ) -> None:
        problems = chain(
            size_problems("learner.channels", channels),
            size_problems("learner.hidden", [hidden], "learner.hidden=128"),
            dropout_problems("learner.dropout", dropout),
            choice_problems("learner.activation", activation, ACTIVATIONS),
            image_problems(spec.input_shape, channels, "learner.channels"),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, likelihood, problems, losses)
        depth, height, width = spec.input_shape
        blocks = convolutions(depth, channels, activation, batch_norm)
        flat = [depth, *channels][-1] * (height >> len(channels)) * (width >> len(channels))
        head = dense(flat, [hidden], activation, dropout, batch_norm)
        self.body = nn.Sequential(*blocks, nn.Flatten(), *head, nn.Linear(hidden, self.num_raw_outputs))
        self.augmentation = augmentation

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Return the loss of ``(inputs, targets)``, the inputs augmented."""
        inputs, targets = batch
        augmented = inputs if self.augmentation is None else self.augmentation(inputs)
        return super().training_step((augmented, targets), batch_idx)
