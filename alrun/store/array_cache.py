"""Cache of arrays on disk, by content: decoded images, features of a frozen model.

It is no part of any run: whatever is removed from it is computed again.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.store.cache_folder import VARIABLE, cache_folder, refuse_foreign
from alrun.store.files import write_stream

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ArrayFiles"]


class ArrayFiles:
    """An ``ArrayCache``: one ``.npy`` file an array, which appears whole or not at all.

    In the user's own folder only what this user alone can write to is read; a folder that ``ALRUN_CACHE`` names may be
    shared, with whoever is trusted with the results.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Keep files in ``folder``; ``None`` for that of the user."""
        self._folder = folder or cache_folder()

    def array(
        self, key: str, shape: tuple[int, ...], dtype: str, blocks: Callable[[], Iterable[npt.NDArray[Any]]]
    ) -> npt.NDArray[Any]:
        """Return the array of ``key``, see ``ArrayCache``; processes that make the same one do not disturb each other.

        Raises:
            StoreError: The disk refuses, or the pieces are not as many rows as were announced.
        """
        if self._folder is None:
            raise StoreError(f"there is no folder for what is computed once\n    → {VARIABLE}=FOLDER names one")
        path = self._folder / f"{key}.npy"
        found = _opened(path, shape, dtype)
        if found is None:
            write_stream(path, _pieces(shape, dtype, blocks()))
            found = _opened(path, shape, dtype)
        if found is None:
            raise StoreError(f"cannot read {path}, which was just written\n    → {VARIABLE}=FOLDER keeps it elsewhere")
        return found


def _pieces(shape: tuple[int, ...], dtype: str, blocks: Iterable[npt.NDArray[Any]]) -> Iterator[bytes | memoryview]:
    import numpy as np

    head = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, described)
    yield head.getvalue()
    rows = 0
    for block in blocks:
        piece = np.ascontiguousarray(block, dtype=np.dtype(dtype))
        if piece.shape[1:] != shape[1:]:
            raise StoreError(f"a piece of an array has rows of shape {piece.shape[1:]}, not {shape[1:]}")
        rows += len(piece)
        if piece.size:
            yield piece.reshape(-1).view(np.uint8).data
    if rows != shape[0]:
        raise StoreError(f"{rows} rows were computed, not {shape[0]}")


def _opened(path: Path, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any] | None:
    """Return the array of a file; ``None`` where there is none, or something else."""
    import numpy as np

    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            return None
        if not os.environ.get(VARIABLE):
            refuse_foreign(state)
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.dtype(dtype) else None
