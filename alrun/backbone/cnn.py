"""Convolutional backbone for images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from torch import Tensor, nn

from alrun.core.arguments import choice_problems, raise_any
from alrun.learner.checks import dropout_problems, image_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, convolutions, dense

__all__ = ["CNN"]


class CNN(nn.Module):
    """Blocks of a 3x3 convolution, activation and 2x2 max-pooling, then one dense layer with dropout.

    Args:
        input_shape: ``(channels, height, width)``.
        channels: Output channels of each block; a block halves height and width.
        hidden: Width of the dense layer, which is that of the features.
        dropout: Probability on the features, in ``[0, 1)``; 0 leaves the layer out.
        batch_norm: Whether to normalize before each activation.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.

    Attributes:
        output_size: Width ``d`` of the features.

    Raises:
        ConfigError: With every problem at once; also for inputs that are not images or too small to be halved so often.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        channels: Sequence[int] = (16, 32),
        hidden: int = 128,
        dropout: float = 0.1,
        batch_norm: bool = False,
        activation: str = "relu",
    ) -> None:
        raise_any(
            chain(
                size_problems("learner.backbone.channels", channels),
                size_problems("learner.backbone.hidden", [hidden], "learner.backbone.hidden=128"),
                dropout_problems("learner.backbone.dropout", dropout),
                choice_problems("learner.backbone.activation", activation, ACTIVATIONS),
                image_problems(input_shape, channels, "learner.backbone.channels"),
            )
        )
        super().__init__()
        depth, height, width = input_shape
        blocks = convolutions(depth, channels, activation, batch_norm)
        flat = [depth, *channels][-1] * (height >> len(channels)) * (width >> len(channels))
        self.layers = nn.Sequential(*blocks, nn.Flatten(), *dense(flat, [hidden], activation, dropout, batch_norm))
        self.output_size = hidden

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features ``[B, d]`` of images ``[B, *input_shape]``."""
        features: Tensor = self.layers(inputs)
        return features
