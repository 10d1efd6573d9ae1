"""Origins of columns, subtracted in float64 before rounding to float32 would lose the differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["centered", "origins_of", "shifted"]

#: Magnitude in standard deviations beyond which a column is counted from another origin: float32 keeps 24 bits of a
#: value, and of its deviation from the mean less than 14.
RATIO = 1024.0


def origins_of(chunks: Iterable[npt.NDArray[Any]]) -> tuple[float, ...]:
    """Return what is to be subtracted from each column of ``chunks`` ``[n, d]``; empty where that is nothing at all.

    It is 0 where float32 holds the deviations of a column as it is, else the mean, rounded to a power of two near the
    standard deviation, so that subtracting it is exact.
    """
    count, pivot, total, squares, largest = 0, np.zeros(0), 0.0, 0.0, 0.0
    for chunk in chunks:
        if len(chunk) == 0 or chunk.dtype.itemsize < 4 or chunk.dtype == np.float32:
            continue
        with np.errstate(all="ignore"):
            pivot = pivot if count else chunk[0]
            # Whole numbers are subtracted as such: float64 does not hold those beyond 2**53. Where the difference
            # overflows, the column varies so much that it needs no origin.
            above = (chunk - pivot).astype(np.int64 if chunk.dtype.kind in "iu" else np.float64).astype(np.float64)
            count += len(chunk)
            total, squares = total + above.sum(axis=0), squares + np.square(above).sum(axis=0)
            largest = np.maximum(largest, np.abs(chunk.astype(np.float64)).max(axis=0))
    if count == 0:
        return ()
    with np.errstate(all="ignore"):
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        wanted = np.isfinite(std) & (std > 0) & (largest > RATIO * std)
        unit = np.exp2(np.ceil(np.log2(np.where(wanted, std, 1.0))))
        found = np.where(wanted, np.round((pivot.astype(np.float64) + mean) / unit) * unit, 0.0)
    return tuple(found.tolist()) if found.any() else ()


def centered(block: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], tuple[float, ...]]:
    """Return ``block`` ``[N, d]`` as ``float32``, less the origins of its columns, and these, see ``origins_of``."""
    found = origins_of([block])
    return shifted(block, found), found


def shifted(block: npt.NDArray[Any], origins: Sequence[float]) -> npt.NDArray[np.float32]:
    """Return ``block`` ``[N, d]``, less ``origins``, ``[d]`` or none, as ``float32``.

    Whole numbers are subtracted exactly. Values that ``float32`` does not hold become infinite.
    """
    with np.errstate(over="ignore"):
        if not origins:
            return block.astype(np.float32)
        if block.dtype.kind in "iu" and all(_fits(origin, block.dtype) for origin in origins):
            whole = np.array([int(origin) for origin in origins], dtype=block.dtype)
            below = np.where(block < whole, whole - block, 0).astype(np.float64)
            exact = np.where(block < whole, 0, block - whole).astype(np.float64) - below
        else:
            exact = block.astype(np.float64) - np.asarray(origins)
        rounded: npt.NDArray[np.float32] = exact.astype(np.float32)
        return rounded


def _fits(origin: float, dtype: np.dtype[Any]) -> bool:
    return origin.is_integer() and np.iinfo(dtype).min <= int(origin) <= np.iinfo(dtype).max
