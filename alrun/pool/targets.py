"""Storage of labels in a training pool: in a tensor, as memory maps if they are large, or as given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Task, TaskSpec
from alrun.pool.growing import GrowingTensor
from alrun.pool.labels import encode_targets, from_origin, mask_dtype

__all__ = ["LARGE", "GivenTargets", "KeptTargets", "LargeRows", "TensorTargets", "is_large"]

#: Values of one target from which on targets are not copied into one block of memory.
LARGE = 1 << 16


def is_large(spec: TaskSpec) -> bool:
    """Return whether a target has so many values that it is better left where it is."""
    return spec.task is Task.REGRESSION and spec.num_outputs >= LARGE


class KeptTargets(Protocol):
    """Targets by position."""

    def __getitem__(self, position: int) -> Any:
        """Return one target, as a datum has it."""
        ...

    def checked(self, targets: Sequence[Any]) -> Any:
        """Return ``targets`` for ``extend``, or raise ``StrategyError`` where one is not what the data ask for."""
        ...

    def extend(self, block: Any) -> None:
        """Add what ``checked`` returned."""
        ...

    def select(self, positions: Tensor) -> Tensor:
        """Return the targets ``[n]`` or ``[n, T]`` at ``positions``."""
        ...


class TensorTargets(GrowingTensor):
    """Targets in one tensor: ``[n]`` or ``[n, T]`` ``int64`` classes or marks, or ``[n, T]`` ``float32``.

    Masks ``[n, H, W]`` are kept in bytes where classes fit in these.
    """

    def __init__(self, spec: TaskSpec) -> None:
        """Start empty, for targets of ``spec``."""
        self._spec = spec
        super().__init__(spec.target_shape, torch.float32 if spec.task is Task.REGRESSION else mask_dtype(spec))

    def __getitem__(self, position: int) -> Tensor:
        """Return one target."""
        found = super().__getitem__(position)
        return found if found.is_floating_point() else found.long()

    def select(self, positions: Tensor) -> Tensor:
        """Return the targets at ``positions``."""
        found = super().select(positions)
        return found if found.is_floating_point() else found.long()

    def checked(self, targets: Sequence[Any]) -> Tensor:
        """Return ``targets`` for ``extend``, see ``encode_targets``."""
        return encode_targets(targets, self._spec)


class GivenTargets:
    """Targets as they came: they go into data of any type. Large ones are maps of the label log's files."""

    def __init__(self, spec: TaskSpec) -> None:
        """Start empty, for targets of ``spec``."""
        self._spec = spec
        self._given: list[Any] = []

    def __getitem__(self, position: int) -> Any:
        """Return one target as it came."""
        return self._given[position]

    def checked(self, targets: Sequence[Any]) -> list[Any]:
        """Return ``targets`` for ``extend``; they are looked at one by one, as they may be large."""
        for target in targets:
            encode_targets([target], self._spec)
        return list(targets)

    def extend(self, targets: Sequence[Any]) -> None:
        """Add what ``checked`` returned."""
        self._given += targets

    def select(self, positions: Tensor) -> Tensor:
        """Return the targets ``[n]`` or ``[n, T]`` at ``positions``."""
        return encode_targets([self._given[position] for position in positions.tolist()], self._spec)


class LargeRows:
    """Targets ``[T]`` ``float32``, kept as they came: those of the label log are maps of its files."""

    def __init__(self, width: int, origin: tuple[float, ...] = ()) -> None:
        """Start empty, for targets of ``width`` values, which are kept less their ``origin``."""
        self._width, self._origin = width, origin
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
            raise StrategyError(f"{self._width} values per label are expected, not shape {tuple(row.shape)}")
        if not row.isfinite().all():
            raise StrategyError(
                "a label is not finite; a label strategy should answer such a request with status 'failed'"
            )
        return from_origin(row.reshape(self._width), self._origin)

    def extend(self, rows: Sequence[Tensor]) -> None:
        """Add what ``checked`` returned."""
        self._rows += rows

    def select(self, positions: Tensor) -> Tensor:
        """Return the targets ``[n, T]`` at ``positions``; only these are read."""
        if len(positions) == 0:
            return torch.empty((0, self._width))
        return torch.stack([self[position] for position in positions.tolist()])
