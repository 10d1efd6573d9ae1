"""What a pool needs of the source whose rows it views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import TaskSpec

__all__ = ["RowSource", "as_rows", "has_repeats", "shipped_embeddings"]


class RowSource(Protocol):
    """An immutable, numbered set of rows."""

    spec: TaskSpec

    def __len__(self) -> int:
        """Return the number of rows ``N``."""
        ...

    def inputs(self, rows: Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` of ``rows``."""
        ...

    def targets(self, rows: Tensor) -> Tensor:
        """Return the source's own targets of ``rows``: ``[n]`` ``int64`` classes or ``[n, T]`` ``float32``."""
        ...


def as_rows(rows: Sequence[int] | Tensor) -> Tensor:
    """Return row numbers or positions, none negative, as a CPU ``int64`` tensor ``[n]``; at no cost if they are one."""
    return torch.as_tensor(rows, dtype=torch.int64, device="cpu")


def has_repeats(rows: Tensor) -> bool:
    """Return whether a number stands twice in ``rows`` ``[n]``."""
    return bool(rows.sort().values.diff().eq(0).any())


def shipped_embeddings(source: RowSource, rows: Tensor) -> Tensor | None:
    """Return the vectors ``[n, d]`` that ``source`` ships for ``rows`` ``[n]``; ``None`` where it ships none.

    Raises:
        StrategyError: It ships some, but a row is a new point, with a negative number.
    """
    shipped: Tensor | None = source.shipped_embeddings(rows[:0]) if hasattr(source, "shipped_embeddings") else None
    if shipped is None:
        return None
    if bool((rows < 0).any()):
        raise StrategyError(
            "a new point has no embedding among those that the data set ships\n    → query by a model's"
        )
    found: Tensor = source.shipped_embeddings(rows)  # type: ignore[attr-defined]
    return found
