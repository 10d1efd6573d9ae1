"""Building blocks that several learners share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ACTIVATIONS", "BatchNorm1d", "convolutions", "dense", "flatten_for"]

ACTIVATIONS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "elu": nn.ELU, "leaky_relu": nn.LeakyReLU}
)


class BatchNorm1d(nn.BatchNorm1d):
    """Batch norm that takes its running statistics for a batch of one row, which has no variance of its own.

    Training pools of any size occur in active learning, so the last batch of an epoch is now and then a single row.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` ``[B, d]``, normalized."""
        if self.training and len(input) == 1:
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


def dense(width: int, hidden: Sequence[int], activation: str, dropout: float, batch_norm: bool) -> list[nn.Module]:
    """Return ``linear, [batch norm], activation, [dropout]`` for each of ``hidden``, from ``width`` inputs."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers.append(nn.Linear(width, size, bias=not batch_norm))
        if batch_norm:
            layers.append(BatchNorm1d(size))
        layers.append(ACTIVATIONS[activation]())
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        width = size
    return layers


def flatten_for(input_shape: tuple[int, ...]) -> tuple[list[nn.Module], int]:
    """Return the layers that flatten one input of ``input_shape`` (none when it is flat already), and its width."""
    return ([] if len(input_shape) == 1 else [nn.Flatten()]), math.prod(input_shape)


def convolutions(depth: int, channels: Sequence[int], activation: str, batch_norm: bool) -> list[nn.Module]:
    """Return ``3x3 convolution, [batch norm], activation, 2x2 max-pooling`` for each of ``channels``."""
    layers: list[nn.Module] = []
    for size in channels:
        layers.append(nn.Conv2d(depth, size, kernel_size=3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(size))
        layers += [ACTIVATIONS[activation](), nn.MaxPool2d(2)]
        depth = size
    return layers
