"""Mirror: a file that is kept equal to bytes which are made anew, and of which mostly the end is new."""

from __future__ import annotations

from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.append_log import AppendLog
from alrun.store.files import write_atomic
from alrun.store.reading import Most, read_bytes

__all__ = ["Mirror"]


class Mirror:
    """A file that holds what it was given last.

    Whatever lies there before is compared once; a beginning of what is wanted is completed, as after a kill, anything
    else is replaced. After that only what is new is written. It can be made again at any time, so nothing is flushed.
    """

    def __init__(self, path: Path) -> None:
        """Refer to ``path``, in a folder of a run directory; nothing is read or written yet."""
        self._path = path
        self._held: bytes | None = None

    def hold(self, data: bytes) -> None:
        """Make ``data`` the content of the file.

        Raises:
            StoreError: The disk refuses.
        """
        held = self._held if self._held is not None else self._found()
        self._held = None
        if held is not None and data.startswith(held):
            if len(held) < len(data):
                with AppendLog(self._path, durable=False) as log:
                    log.append(data[len(held) :])
        else:
            write_atomic(self._path, data, durable=False)
        self._held = data

    def _found(self) -> bytes | None:
        """Return what lies there; ``None`` where that is nothing, or nothing that could be read."""
        try:
            return read_bytes(self._path, Most.TABLE, depth=2)
        except StoreError:
            return None
