"""Multi-layer perceptron: alrun's default learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from torch import nn

from alrun.core.arguments import choice_problems
from alrun.core.types import TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import dropout_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, dense, flatten_for

__all__ = ["MLP"]


class MLP(Learner):
    """Dense layers, each with an activation and dropout, then a linear one. See ``Learner`` for the other arguments.

    Args:
        spec: Input shape (flattened), task and number of outputs.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        likelihood: ``mean`` or ``gaussian``, for regression.
        hidden: Width of each hidden layer; ``[]`` leaves a linear model.
        dropout: Probability after each hidden layer, in ``[0, 1)``; 0 leaves the layer out.
        batch_norm: Whether to normalize before each activation.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.
        losses: Several losses by name, in place of the learner's own.

    Raises:
        ConfigError: With every problem at once.
    """

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.1,
        batch_norm: bool = False,
        activation: str = "relu",
        losses: Mapping[str, Any] | None = None,
    ) -> None:
        problems = chain(
            size_problems("learner.hidden", hidden),
            dropout_problems("learner.dropout", dropout),
            choice_problems("learner.activation", activation, ACTIVATIONS),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, likelihood, problems, losses)
        flatten, width = flatten_for(spec.input_shape)
        layers = dense(width, hidden, activation, dropout, batch_norm)
        self.body = nn.Sequential(*flatten, *layers, nn.Linear([width, *hidden][-1], self.num_raw_outputs))
