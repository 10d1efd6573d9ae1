"""Exponential moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage(nn.Module):
    """Averages of the parameters of a network, in buffers, so that they are saved and resumed with the weights.

    After step ``t`` the decay is ``min(decay, (1 + t) / (10 + t))``, so that the first weights are soon forgotten
    (as ``num_updates`` of TensorFlow's ``ExponentialMovingAverage``).

    Args:
        network: Whose parameters; it is not kept.
        decay: In ``[0, 1)``.

    Attributes:
        steps: Scalar ``int64``: updates so far.
    """

    steps: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        for number, parameter in enumerate(network.parameters()):
            self.register_buffer(f"average_{number}", parameter.detach().clone())

    def _averages(self) -> list[Tensor]:
        return [value for name, value in self.named_buffers() if name != "steps"]

    @torch.no_grad()
    def restart(self, network: nn.Module) -> None:
        """Start again from the parameters of ``network`` as they are."""
        self.steps.zero_()
        for average, parameter in zip(self._averages(), network.parameters(), strict=True):
            average.copy_(parameter)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the parameters of ``network`` after an optimizer step."""
        done = float(self.steps)
        share = 1 - min(self.decay, (1 + done) / (10 + done))
        for average, parameter in zip(self._averages(), network.parameters(), strict=True):
            average.lerp_(parameter, share)
        self.steps += 1

    @torch.no_grad()
    def put_into(self, network: nn.Module) -> None:
        """Set the parameters of ``network`` to their averages."""
        for average, parameter in zip(self._averages(), network.parameters(), strict=True):
            parameter.copy_(average)
