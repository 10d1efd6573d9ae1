"""Row numbers as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Rows", "as_rows", "has_repeats"]

Rows = Sequence[int] | Tensor


def as_rows(rows: Rows) -> Tensor:
    """Return row numbers or positions, none negative, as a CPU ``int64`` tensor ``[n]``; at no cost if they are one."""
    return torch.as_tensor(rows, dtype=torch.int64, device="cpu")


def has_repeats(rows: Tensor) -> bool:
    """Return whether a number stands twice in ``rows`` ``[n]``."""
    return bool(rows.sort().values.diff().eq(0).any())
