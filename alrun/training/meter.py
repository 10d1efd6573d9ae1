"""Mean loss of an epoch, summed without waiting for the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from alrun.core.batches import batch_length

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LossMeter", "batch_size", "loss_of"]


def batch_size(batch: Any) -> int:
    """Return ``batch_length``; of the common batch, a pair of tensors, without looking further."""
    first = batch[0] if type(batch) in (tuple, list) and batch else batch
    if isinstance(first, torch.Tensor) and first.ndim:
        return first.shape[0]
    return batch_length(batch)


def loss_of(output: Any) -> Any:
    """Return the loss in what a step returned: itself, or its ``loss`` entry; ``None`` where there is none."""
    return output.get("loss") if isinstance(output, Mapping) else output


class LossMeter:
    """Sample-weighted mean of batch losses, summed on the device in float32."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Start at zero samples."""
        self._total = torch.zeros((), device=device)
        self._samples = 0

    def add(self, loss: Any, samples: int) -> None:
        """Add the mean ``loss`` (scalar tensor or number) of a batch of ``samples``; ignores anything else."""
        if isinstance(loss, torch.Tensor):
            self._total.add_(loss.detach(), alpha=samples)
        elif isinstance(loss, int | float):
            self._total.add_(loss * samples)
        else:
            return
        self._samples += samples

    def mean(self) -> float | None:
        """Return the mean (one synchronisation), or ``None`` when nothing was added."""
        return self.tensor().item() if self._samples else None

    def named(self, name: str) -> dict[str, float]:
        """Return the mean under ``name``; an empty dict when nothing was added."""
        mean = self.mean()
        return {} if mean is None else {name: mean}

    def tensor(self) -> Tensor:
        """Return the mean as a scalar tensor; ``nan`` when nothing was added."""
        return self._total / self._samples if self._samples else self._total.new_tensor(float("nan"))
