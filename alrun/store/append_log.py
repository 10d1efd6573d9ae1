"""Append-only files, durable line by line."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from alrun.store.disk import DISK
from alrun.store.files import is_named, make_directory, store_error, write_all, write_atomic
from alrun.store.reading import read_bytes

__all__ = ["AppendLog"]

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class AppendLog:
    """A file that only grows. ``append`` returns after the bytes are on disk (unless ``durable`` is off).

    A file with further hard links is copied before anything is added, so that a copy of the folder made of links stays
    as it is.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Open ``path`` for appending, creating it and its directory."""
        make_directory(path.parent)
        self._path = path
        self._durable = durable
        self._torn: int | None = None
        created = not path.exists()
        try:
            self._descriptor = DISK.open(path, _APPEND)
        except OSError as error:
            raise store_error(error, path) from error
        try:
            if created and durable:
                DISK.sync_directory(path.parent)
        except OSError as error:
            self.close()
            raise store_error(error, path) from error

    @property
    def is_open(self) -> bool:
        """Whether the file has not been closed yet."""
        return self._descriptor >= 0

    @property
    def is_named(self) -> bool:
        """Whether the path still names the file that is written to."""
        return is_named(self._path, self._descriptor)

    def append(self, data: bytes) -> None:
        """Add ``data`` at the end; on an error the file is cut back to what it was, now or before the next addition."""
        try:
            before = self._whole()
        except OSError as error:
            raise store_error(error, self._path, len(data)) from error
        try:
            write_all(self._descriptor, data)
            if self._durable:
                DISK.sync_data(self._descriptor)
        except OSError as error:
            self._torn = before
            with suppress(OSError):
                self._whole()
            raise store_error(error, self._path, len(data)) from error

    def cut(self, size: int) -> None:
        """Have the next addition begin at ``size``: what comes after that is given up with it."""
        self._torn = size

    def _whole(self) -> int:
        """Cut away what a refused addition left behind, or what is given up; return the size of the file."""
        if os.fstat(self._descriptor).st_nlink > 1:
            self._copy()
        if self._torn is not None:
            DISK.truncate(self._descriptor, self._torn)
            self._torn = None
        return os.fstat(self._descriptor).st_size

    def _copy(self) -> None:
        """Put a copy in place of the file, and go on with that."""
        if not self.is_named:
            return
        write_atomic(self._path, read_bytes(self._path))
        descriptor = DISK.open(self._path, _APPEND & ~os.O_CREAT)
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Return the log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()
