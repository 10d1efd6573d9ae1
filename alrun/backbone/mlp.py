"""Backbone of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from torch import Tensor, nn

from alrun.core.arguments import choice_problems, raise_any
from alrun.learner.checks import dropout_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, dense, flatten_for

__all__ = ["MLP"]


class MLP(nn.Module):
    """Dense layers, each with an activation and dropout, on the flattened input.

    Args:
        input_shape: Shape of one input.
        hidden: Width of each layer; the last is that of the features.
        dropout: Probability after each layer, in ``[0, 1)``; 0 leaves the layer out.
        batch_norm: Whether to normalize before each activation.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.

    Attributes:
        output_size: Width ``d`` of the features.

    Raises:
        ConfigError: With every problem at once.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.1,
        batch_norm: bool = False,
        activation: str = "relu",
    ) -> None:
        raise_any(
            chain(
                size_problems("learner.backbone.hidden", hidden),
                dropout_problems("learner.backbone.dropout", dropout),
                choice_problems("learner.backbone.activation", activation, ACTIVATIONS),
            )
        )
        super().__init__()
        flatten, width = flatten_for(input_shape)
        self.layers = nn.Sequential(*flatten, *dense(width, hidden, activation, dropout, batch_norm))
        self.output_size = [width, *hidden][-1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features ``[B, d]`` of inputs ``[B, *input_shape]``."""
        features: Tensor = self.layers(inputs)
        return features
