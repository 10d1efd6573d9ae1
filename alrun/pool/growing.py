"""Tensor that grows at one end."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["GrowingTensor"]


class GrowingTensor:
    """Rows of equal shape in one buffer that doubles when it is full: appending costs O(1) per row on average."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        """Start empty, for rows of ``shape`` and ``dtype``."""
        self._buffer = torch.empty((0, *shape), dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._size

    @property
    def view(self) -> Tensor:
        """The rows so far, ``[n, *shape]``: a view, to be read only."""
        return self._buffer[: self._size]

    def __getitem__(self, position: int) -> Tensor:
        """Return one row, a view."""
        return self.view[position]

    def select(self, positions: Tensor) -> Tensor:
        """Return the rows ``[n, *shape]`` at ``positions``."""
        return self.view.index_select(0, positions)

    def extend(self, block: Tensor) -> None:
        """Add the rows of ``block`` ``[n, *shape]`` at the end."""
        size = self._size + len(block)
        if size > len(self._buffer):
            grown = self._buffer.new_empty((max(size, 2 * len(self._buffer)), *self._buffer.shape[1:]))
            grown[: self._size] = self.view
            self._buffer = grown
        self._buffer[self._size : size] = block
        self._size = size
