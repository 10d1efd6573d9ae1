"""Durable writes: atomic files, committed directories, renames, flushes.

A file or directory appears under its name whole or not at all: it is written to a temporary sibling, flushed to disk,
and renamed. Nothing else in the package opens a file for writing; ``alrun.store.disk`` makes the calls.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.disk import DISK

__all__ = [
    "TEMPORARY_PREFIX",
    "Pieces",
    "commit_directory",
    "flush",
    "flush_directory",
    "is_named",
    "make_directory",
    "remove_tree",
    "rename",
    "store_error",
    "truncate",
    "write_all",
    "write_atomic",
    "write_stream",
]

TEMPORARY_PREFIX = ".tmp-"
#: Content of a file that is written piece by piece.
Pieces = Iterable[bytes | memoryview]
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def store_error(error: OSError, path: Path, size: int | None = None) -> StoreError:
    """Return the error of a disk that refused ``path``, with what to do about it."""
    what = {
        errno.ENOSPC: "no space left on the device",
        errno.EDQUOT: "disk quota exceeded",
        errno.EACCES: "permission denied",
        errno.EROFS: "read-only file system",
    }.get(error.errno or 0, error.strerror or str(error))
    amount = f" ({size} bytes)" if size is not None else ""
    return StoreError(f"cannot write {path}{amount}: {what}\n    → fix that and type the same command again")


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data`` at the position of an open file."""
    view = memoryview(data)
    while view:
        view = view[DISK.write(descriptor, view) :]


def _write_new(path: Path, pieces: Pieces) -> None:
    """Write a new file and flush it: a rename that outlives a power cut must not lead to an empty file."""
    descriptor = DISK.open(path, _CREATE)
    try:
        for piece in pieces:
            write_all(descriptor, piece)
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
        raise store_error(error, path) from error


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
        _write_new(temporary, [data])
        DISK.rename(temporary, path)
        if durable:
            DISK.sync_directory(path.parent)
    except OSError as error:
        _unlink(temporary)
        raise store_error(error, path, len(data)) from error


def write_stream(path: Path, pieces: Pieces) -> None:
    """Write ``pieces``, one after the other, to ``path``, which appears whole or not at all; none is held.

    Raises:
        StoreError: The disk refuses; no temporary file is left, nor is one after an error of ``pieces``.
    """
    make_directory(path.parent)
    temporary = _temporary(path)
    try:
        _unlink(temporary)
        _write_new(temporary, pieces)
        DISK.rename(temporary, path)
    except OSError as error:
        raise store_error(error, path) from error
    finally:
        _unlink(temporary)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        DISK.unlink(path)


def commit_directory(path: Path, blobs: Mapping[str, bytes | Pieces], *, last: str) -> None:
    """Make directory ``path`` with ``blobs`` appear at once; ``last`` names the blob written after all others.

    A blob may be an iterator of its pieces, of which one is held at a time.

    Raises:
        StoreError: ``path`` exists already, or the disk refuses; nothing is left behind then.
    """
    if path.exists():
        raise StoreError(f"{path} is committed already and is never overwritten")
    make_directory(path.parent)
    temporary = _temporary(path)
    size = sum(len(blob) for blob in blobs.values() if isinstance(blob, bytes))
    try:
        DISK.remove_tree(temporary)
        DISK.mkdir(temporary)
        for name in sorted(blobs, key=lambda name: (name == last, name)):
            blob = blobs[name]
            _write_new(temporary / name, [blob] if isinstance(blob, bytes) else blob)
        DISK.sync_directory(temporary)
        DISK.rename(temporary, path)
        DISK.sync_directory(path.parent)
    except OSError as error:
        DISK.remove_tree(temporary)
        raise store_error(error, path, size) from error


def rename(source: Path, target: Path) -> None:
    """Rename durably."""
    try:
        DISK.rename(source, target)
        DISK.sync_directory(target.parent)
    except OSError as error:
        raise store_error(error, target) from error


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
        raise store_error(error, path, size) from error


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
        raise store_error(error, path) from error


def flush_directory(path: Path) -> None:
    """Flush the names in a directory that somebody has written.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        DISK.sync_directory(path)
    except OSError as error:
        raise store_error(error, path) from error
