"""Arrays one after the other, read as one without being copied together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Stacked"]


class Stacked:
    """Arrays ``[n_i, ...]`` of one dtype and row shape as one ``[N, ...]``; only the rows asked for are read.

    Attributes:
        shape: Shape of all together.
        dtype: Their dtype.
        ndim: Their number of dimensions.
    """

    def __init__(self, parts: Sequence[npt.NDArray[Any]]) -> None:
        """Stand for ``parts``, at least one, in their order."""
        self._parts = list(parts)
        self._starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *parts[0].shape[1:])
        self.dtype, self.ndim = parts[0].dtype, parts[0].ndim

    def __len__(self) -> int:
        """Return the number of rows ``N``."""
        return self.shape[0]

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of a slice without a step, or those of numbers ``[n]`` in their order."""
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            pieces = [
                part[max(start - first, 0) : max(stop - first, 0)]
                for part, first in zip(self._parts, self._starts.tolist(), strict=False)
            ]
            filled = [piece for piece in pieces if len(piece)]
            return filled[0] if len(filled) == 1 else np.concatenate(filled or pieces[:1])
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        place = np.searchsorted(self._starts, rows, side="right") - 1
        for number, part in enumerate(self._parts):
            here = np.flatnonzero(place == number)
            found[here] = part[rows[here] - self._starts[number]]
        return found
