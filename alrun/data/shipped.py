"""Vectors that come with a data set: one per row, from any model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.data.problems import existing_file, fail

__all__ = ["Embeddings", "open_array", "open_embeddings"]

CHUNK_VALUES = 1 << 22


class Embeddings:
    """One vector per row, in memory or memory-mapped; read in the rows asked for.

    Attributes:
        array: ``[N, d]`` as they are held, in any float dtype.
    """

    def __init__(self, array: Tensor | npt.NDArray[Any], rows: int) -> None:
        """Hold ``array``, which belongs to ``rows`` rows.

        Raises:
            DataError: It is no matrix of numbers, has another number of rows, or a value is not finite.
        """
        self.array = array.numpy() if isinstance(array, Tensor) else array
        if self.array.ndim != 2 or self.array.dtype.kind not in "biuf":
            what = f"embeddings must be [N, d] numbers, not {list(self.array.shape)} {self.array.dtype}"
            raise fail(what, "data.embeddings")
        if len(self.array) != rows:
            raise fail(
                f"{len(self.array)} embeddings, but {rows} rows",
                "data.embeddings",
                "save one per row, in order",
            )
        for start, chunk in self._chunks():
            bad = ~np.isfinite(chunk).all(axis=1)
            if bad.any():
                raise fail("an embedding contains NaN or infinity", f"data.embeddings, row {start + int(bad.argmax())}")

    def read(self, rows: Tensor) -> Tensor:
        """Return the vectors ``[n, d]`` ``float32`` of ``rows`` ``[n]`` ``int64``."""
        return torch.from_numpy(np.asarray(self.array[rows.numpy()], dtype=np.float32))

    def content(self) -> Iterator[bytes]:
        """Yield all there is to know of them, chunk by chunk, for a fingerprint."""
        yield f"embeddings {self.array.shape} {self.array.dtype}".encode()
        for _, chunk in self._chunks():
            yield np.ascontiguousarray(chunk).tobytes()

    def _chunks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        step = max(1, CHUNK_VALUES // max(1, self.array.shape[1]))
        return ((start, self.array[start : start + step]) for start in range(0, len(self.array), step))


def open_embeddings(path: str | None) -> npt.NDArray[Any] | None:
    """Return the array of the ``.npy`` file ``path``, memory-mapped; ``None`` of ``None``.

    Raises:
        DataError: It is missing or cannot be read.
    """
    if path is None:
        return None
    return open_array(existing_file(path, "data.embeddings", (".npy",)))


def open_array(file: Path) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` file, memory-mapped.

    Raises:
        DataError: It cannot be read, or holds objects.
    """
    try:
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise fail(f"cannot be read: {error}", str(file), "arrays of objects are never loaded") from error
    return array
