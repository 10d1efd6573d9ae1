"""Mirror: a file that is kept equal to bytes which can be made anew, and of which mostly the end is new."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.append_log import AppendLog
from alrun.store.files import write_atomic
from alrun.store.reading import Most, read_bytes

__all__ = ["Mirror"]


class Mirror:
    """A file that holds what it was given.

    Whatever lies there before is compared; a beginning of what is wanted is completed, as after a kill, anything else
    is replaced. What comes later is added at the end, as long as nobody else has touched the file. It can be made again
    at any time, so that an addition is not flushed.
    """

    def __init__(self, path: Path, depth: int = 2) -> None:
        """Refer to ``path``, of which the last ``depth`` parts lie in a run directory; nothing is done yet."""
        self._path, self._depth = path, depth
        self._left: os.stat_result | None = None

    def hold(self, data: bytes) -> None:
        """Make ``data`` the content of the file.

        Raises:
            StoreError: The disk refuses.
        """
        held, self._left = self._found(), None
        if held is not None and data.startswith(held):
            if len(held) < len(data):
                with AppendLog(self._path, durable=False) as log:
                    log.append(data[len(held) :])
        else:
            write_atomic(self._path, data, durable=False)
        self._left = self._state()

    def add(self, data: bytes, over: int = 0) -> bool:
        """Put ``data`` at the end, in place of the last ``over`` bytes.

        Returns:
            Whether the file was as it had been left; if not, nothing is written, and ``hold`` is needed.

        Raises:
            StoreError: The disk refuses.
        """
        left, self._left = self._left, None
        if left is None or not _is_same(left, self._state()):
            return False
        if data or over:
            with AppendLog(self._path, durable=False) as log:
                log.cut(left.st_size - over)
                log.append(data)
        self._left = self._state()
        return True

    def _found(self) -> bytes | None:
        """Return what lies there; ``None`` where that is nothing, or nothing that could be read."""
        try:
            return read_bytes(self._path, Most.TABLE, self._depth)
        except StoreError:
            return None

    def _state(self) -> os.stat_result | None:
        try:
            return self._path.lstat()
        except OSError:
            return None


def _is_same(left: os.stat_result, now: os.stat_result | None) -> bool:
    """Return whether a file is the one that was left, as it was left, and has no other name."""
    if now is None or not stat.S_ISREG(now.st_mode) or now.st_nlink != 1:
        return False
    return all(getattr(left, name) == getattr(now, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns"))
