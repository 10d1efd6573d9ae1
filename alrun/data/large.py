"""Targets of very many values each, such as fields of a simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Task, TaskSpec

__all__ = ["LARGE", "LargeRows", "is_large"]

#: Values of one target from which on targets are not copied into one block of memory.
LARGE = 1 << 16


def is_large(spec: TaskSpec) -> bool:
    """Return whether a target has so many values that it is better left where it is."""
    return spec.task is Task.REGRESSION and spec.num_outputs >= LARGE


class LargeRows:
    """Targets ``[T]`` ``float32``, kept as they came: those of the label log are maps of its files."""

    def __init__(self, width: int) -> None:
        """Start empty, for targets of ``width`` values."""
        self._width = width
        self._rows: list[Tensor] = []

    def __len__(self) -> int:
        """Return the number of targets."""
        return len(self._rows)

    def __getitem__(self, position: int) -> Tensor:
        """Return one target ``[T]``."""
        return self._rows[position].to(torch.float32)

    def checked(self, targets: Sequence[Any]) -> list[Tensor]:
        """Return ``targets`` as tensors ``[T]``, for ``extend``; copies none that is a tensor.

        Raises:
            StrategyError: One is no numbers, or has the wrong number of values, or is not finite.
        """
        return [self._checked(target) for target in targets]

    def _checked(self, target: Any) -> Tensor:
        try:
            row = torch.as_tensor(target, device="cpu").detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise StrategyError(f"a label that is not numbers: {error}") from error
        if row.numel() != self._width:
            raise StrategyError(f"{self._width} values a label are expected, not shape {tuple(row.shape)}")
        if not row.isfinite().all():
            raise StrategyError(
                "a label is not finite; a label strategy should answer such a request with status 'failed'"
            )
        return row.reshape(self._width)

    def extend(self, rows: Sequence[Tensor]) -> None:
        """Add what ``checked`` returned."""
        self._rows += rows

    def select(self, positions: Tensor) -> Tensor:
        """Return the targets ``[n, T]`` at ``positions``; only these are read."""
        if len(positions) == 0:
            return torch.empty((0, self._width))
        return torch.stack([self[position] for position in positions.tolist()])
