"""Interface of the cache of arrays: what is computed once of the same content, and read from the disk after that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ArrayCache"]


class ArrayCache(Protocol):
    """Arrays by key, on disk. A data source that has an argument ``array_cache`` is given one."""

    def array(
        self, key: str, shape: tuple[int, ...], dtype: str, blocks: Callable[[], Iterable[npt.NDArray[Any]]]
    ) -> npt.NDArray[Any]:
        """Return the array of ``key``, memory-mapped and read-only.

        Args:
            key: Digest of all that the array is a function of, in hexadecimal digits.
            shape: Its shape ``[N, ...]``.
            dtype: Its dtype, as numpy writes it, e.g. ``|u1``.
            blocks: Returns the array in pieces ``[n, ...]``, in order; called where it is not on the disk.
        """
        ...
