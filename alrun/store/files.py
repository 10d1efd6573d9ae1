"""All writing that alrun does: atomic files, committed directories, append-only logs.

A file or directory appears under its name whole or not at all: it is written to a temporary sibling, flushed to disk,
and renamed. Nothing else in the package opens a file for writing; ``alrun.store.disk`` makes the calls.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from alrun.core.errors import StoreError
from alrun.store.disk import DISK
from alrun.store.reading import read_bytes

__all__ = [
    "TEMPORARY_PREFIX",
    "AppendLog",
    "HeldDirectory",
    "commit_directory",
    "flush",
    "flush_directory",
    "is_named",
    "make_directory",
    "remove_tree",
    "rename",
    "truncate",
    "write_atomic",
]

TEMPORARY_PREFIX = ".tmp-"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def _store_error(error: OSError, path: Path, size: int | None = None) -> StoreError:
    what = {
        errno.ENOSPC: "no space left on the device",
        errno.EDQUOT: "disk quota exceeded",
        errno.EACCES: "permission denied",
        errno.EROFS: "read-only file system",
    }.get(error.errno or 0, error.strerror or str(error))
    amount = f" ({size} bytes)" if size is not None else ""
    return StoreError(f"cannot write {path}{amount}: {what}\n    → mend that and type the same command again")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[DISK.write(descriptor, view) :]


def _write_new(path: Path, data: bytes) -> None:
    """Write a new file and flush it: a rename that outlives a power cut must not lead to an empty file."""
    descriptor = DISK.open(path, _CREATE)
    try:
        _write_all(descriptor, data)
        DISK.sync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}")


def make_directory(path: Path) -> None:
    """Create ``path`` and its parents durably; does nothing where they exist.

    Raises:
        StoreError: It cannot be created.
    """
    if path.is_dir():
        return
    try:
        _make(path)
    except OSError as error:
        raise _store_error(error, path) from error


def _make(path: Path) -> None:
    try:
        DISK.mkdir(path)
    except FileNotFoundError:
        _make(path.parent)
        _make(path)
        return
    except FileExistsError:
        if not path.is_dir():
            raise
    DISK.sync_directory(path.parent)


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old or the new content, never a part.

    Args:
        path: Target; its directory is created.
        data: Content.
        durable: Flush the directory too before returning. Without, a power cut may bring the old content back.

    Raises:
        StoreError: The disk refuses; ``path`` is as before and no temporary file is left.
    """
    make_directory(path.parent)
    temporary = _temporary(path)
    try:
        _unlink(temporary)
        _write_new(temporary, data)
        DISK.rename(temporary, path)
        if durable:
            DISK.sync_directory(path.parent)
    except OSError as error:
        _unlink(temporary)
        raise _store_error(error, path, len(data)) from error


def _unlink(path: Path) -> None:
    with suppress(OSError):
        DISK.unlink(path)


def commit_directory(path: Path, blobs: Mapping[str, bytes], *, last: str) -> None:
    """Make directory ``path`` with ``blobs`` appear at once; ``last`` names the blob written after all others.

    Raises:
        StoreError: ``path`` exists already, or the disk refuses; nothing is left behind then.
    """
    if path.exists():
        raise StoreError(f"{path} is committed already and is never overwritten")
    make_directory(path.parent)
    temporary = _temporary(path)
    size = sum(map(len, blobs.values()))
    try:
        DISK.remove_tree(temporary)
        DISK.mkdir(temporary)
        for name in sorted(blobs, key=lambda name: (name == last, name)):
            _write_new(temporary / name, blobs[name])
        DISK.sync_directory(temporary)
        DISK.rename(temporary, path)
        DISK.sync_directory(path.parent)
    except OSError as error:
        DISK.remove_tree(temporary)
        raise _store_error(error, path, size) from error


def rename(source: Path, target: Path) -> None:
    """Rename durably."""
    try:
        DISK.rename(source, target)
        DISK.sync_directory(target.parent)
    except OSError as error:
        raise _store_error(error, target) from error


def remove_tree(path: Path) -> None:
    """Remove a directory or file that is no longer needed; a missing one is fine."""
    if path.is_dir() and not path.is_symlink():
        DISK.remove_tree(path)
    else:
        _unlink(path)


def is_named(path: Path, descriptor: int) -> bool:
    """Return whether ``path`` still names the file or directory that is open as ``descriptor``."""
    try:
        named = path.stat(follow_symlinks=False)
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


def truncate(path: Path, size: int) -> None:
    """Cut ``path`` to ``size`` bytes durably: a torn tail after a crash. Hard links to it keep what they have."""
    try:
        descriptor = DISK.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if os.fstat(descriptor).st_nlink > 1:
                write_atomic(path, os.pread(descriptor, size, 0))
                return
            DISK.truncate(descriptor, size)
            DISK.sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _store_error(error, path, size) from error


def flush(path: Path) -> None:
    """Flush a file that somebody has written.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        descriptor = DISK.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            DISK.sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _store_error(error, path) from error


def flush_directory(path: Path) -> None:
    """Flush the names in a directory that somebody has written.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        DISK.sync_directory(path)
    except OSError as error:
        raise _store_error(error, path) from error


class HeldDirectory:
    """A directory that is kept open, so that no other can pass for it under the same number."""

    def __init__(self, path: Path) -> None:
        """Open ``path``."""
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _store_error(error, path) from error

    @property
    def is_named(self) -> bool:
        """Whether the path still names the directory; asked no more when it is closed."""
        return self._descriptor < 0 or is_named(self._path, self._descriptor)

    def close(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


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
            raise _store_error(error, path) from error
        try:
            if created and durable:
                DISK.sync_directory(path.parent)
        except OSError as error:
            self.close()
            raise _store_error(error, path) from error

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
            raise _store_error(error, self._path, len(data)) from error
        try:
            _write_all(self._descriptor, data)
            if self._durable:
                DISK.sync_data(self._descriptor)
        except OSError as error:
            self._torn = before
            with suppress(OSError):
                self._whole()
            raise _store_error(error, self._path, len(data)) from error

    def _whole(self) -> int:
        """Cut away what a refused addition left behind; return the size of the file."""
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
