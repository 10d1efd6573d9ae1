"""Network of one hidden layer on features, trained at once by a query strategy for its own use."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Detector"]

_BLOCK_ROWS = 8192


class Detector:
    """Outputs ``[n, k]`` of features ``[n, d]``: standardized, a linear layer, ReLU, a linear layer.

    All random numbers come from the generator that is given; the learner and the global generators are left alone.
    """

    def __init__(self, features: Tensor, outputs: int, hidden: int, generator: torch.Generator) -> None:
        """Draw the weights, uniform in ``±1/sqrt(inputs)`` of each layer.

        Args:
            features: All rows ``[N, d]``, whose mean and spread of each column are taken off.
            outputs: Width ``k``.
            hidden: Width of the hidden layer.
            generator: For the weights, on the CPU.
        """
        self.mean, spread = features.mean(dim=0), features.std(dim=0, correction=0)
        self.scale = torch.where(spread > 0, 1 / spread, 0.0)

        def drawn(inputs: int, *shape: int) -> Tensor:
            values = (2 * torch.rand(shape, generator=generator) - 1) / max(1, inputs) ** 0.5
            weights: Tensor = values.to(features.device)
            return weights.requires_grad_()

        width = features.shape[1]
        self.first, self.first_bias = drawn(width, hidden, width), drawn(width, hidden)
        self.last, self.last_bias = drawn(hidden, outputs, hidden), drawn(hidden, outputs)

    @property
    def parameters(self) -> list[Tensor]:
        """Weights and biases of both layers."""
        return [self.first, self.first_bias, self.last, self.last_bias]

    def fit(self, features: Tensor, loss: Callable[[Tensor], Tensor], *, steps: int, rate: float) -> None:
        """Descend ``loss`` of the outputs for ``features`` ``[n, d]``, all at once, by ``steps`` steps of Adam."""
        optimizer = torch.optim.Adam(self.parameters, lr=rate)
        with torch.enable_grad():
            for _ in range(steps):
                optimizer.zero_grad()
                torch.autograd.backward(loss(self._outputs(features)))
                optimizer.step()

    def outputs(self, features: Tensor) -> Tensor:
        """Return the outputs ``[n, k]`` for ``features`` ``[n, d]``."""
        with torch.no_grad():
            return torch.cat([self._outputs(block) for block in features.split(_BLOCK_ROWS)])

    def _outputs(self, features: Tensor) -> Tensor:
        inputs = (features - self.mean) * self.scale
        return functional.linear(
            functional.linear(inputs, self.first, self.first_bias).relu(), self.last, self.last_bias
        )
