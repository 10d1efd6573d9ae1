"""The one way to read a file of a run directory: regular, of bounded size, and reached without following a link.

A run directory may have come from elsewhere. Whatever lies in it is opened without waiting (a FIFO would), looked at
through the descriptor, and read only then; what is refused is refused as a ``StoreError`` that says why.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alrun.core.errors import StoreError

__all__ = ["Most", "file_sha256", "file_size", "foreign_entries", "is_there", "opened", "read_bytes"]

_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PIECE = 1 << 20
#: A file of this size of which fewer than one byte in so many is on the disk is made of holes: alrun writes none.
_LARGE, _HOLES = 1 << 26, 64
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
MOST_ENTRIES, MOST_LEVELS = 5_000_000, 64


class Most:
    """The most bytes that a file of each kind can have; far above what alrun writes there."""

    DESCRIPTION = 1 << 23
    CONFIG = 1 << 20
    MANIFEST = 1 << 28
    TABLE = 1 << 30
    #: Label logs, weights: as large as a memory.
    DATA = 1 << 40


def read_bytes(path: Path, most: int = Most.DATA, depth: int = 1) -> bytes:
    """Return the content of ``path``.

    Args:
        path: The file.
        most: The most bytes it can have.
        depth: How many parts of ``path``, from its last, lie in the run directory: none of them may be a link.

    Raises:
        StoreError: It cannot be read, or is nothing that alrun would have written; ``__cause__`` is the system's error.
    """
    with opened(path, most, depth) as (descriptor, size):
        try:
            data = os.read(descriptor, size)
            while len(data) < size and (more := os.read(descriptor, size - len(data))):
                data += more
        except (MemoryError, OverflowError):
            raise StoreError(f"cannot read {path}: its {size} bytes are more than the memory holds") from None
    return data


def file_sha256(path: Path, depth: int = 1) -> str:
    """Return the SHA-256 of a file as hexadecimal digits, read piece by piece; arguments and errors as above."""
    digest = hashlib.sha256()
    with opened(path, Most.DATA, depth) as (descriptor, _):
        while piece := os.read(descriptor, _PIECE):
            digest.update(piece)
    return digest.hexdigest()


def file_size(path: Path, depth: int = 1) -> int:
    """Return the bytes of a file; arguments and errors as above."""
    with opened(path, Most.DATA, depth) as (_, size):
        return size


def is_there(path: Path) -> bool:
    """Return whether anything at all bears the name ``path``; what it is shows when it is read."""
    return os.path.lexists(path)


@contextmanager
def opened(path: Path, most: int, depth: int) -> Iterator[tuple[int, int]]:
    """Yield a descriptor of ``path`` and its size; arguments and errors as above."""
    descriptor = -1
    try:
        descriptor = _open(path, depth)
        size = _checked(path, os.fstat(descriptor), most)
        yield descriptor, size
    except OSError as error:
        raise StoreError(f"cannot read {path}: {_why(error)}") from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(path: Path, depth: int) -> int:
    if depth == 1:
        return os.open(path, _FILE)
    folder = os.open(path.parents[depth - 1], _FOLDER)
    try:
        for name in path.parts[-depth:-1]:
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(path.name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _checked(path: Path, found: os.stat_result, most: int) -> int:
    """Return the size of what was opened.

    Raises:
        StoreError: It is not a regular file, larger than it can be, or made of holes.
    """
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"cannot read {path}: it is {_kind(found.st_mode)}, not a file")
    size = found.st_size
    if size > most:
        raise StoreError(f"cannot read {path}: it has {size} bytes, where there can be {most}")
    if size >= _LARGE and found.st_blocks * 512 < size // _HOLES:
        raise StoreError(f"cannot read {path}: its {size} bytes are holes, which alrun never writes")
    return size


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def _why(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "it is a link, or reached through one"
    if error.errno == errno.ENXIO:
        return "it is a socket or a device, not a file"
    return error.strerror or str(error)


def foreign_entries(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield whatever below ``root`` is neither a file nor a folder of its own, and what it is instead.

    What is yielded is also what nobody could look at: folders that may not be listed, or that are nested too deeply.

    Raises:
        StoreError: There is more below ``root`` than any run has.
    """
    count, folders = 0, [(root, 0)]
    while folders:
        folder, level = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((folder / entry.name, level + 1))
                    elif not entry.is_file(follow_symlinks=False):
                        yield folder / entry.name, _kind(entry.stat(follow_symlinks=False).st_mode)
        except OSError as error:
            yield folder, f"a folder that cannot be listed: {error.strerror}"
        if level > MOST_LEVELS:
            yield folder, "nested deeper than the folders of a run"
            folders = [one for one in folders if one[1] <= MOST_LEVELS]
        if count > MOST_ENTRIES:
            raise StoreError(f"{root} has more than {MOST_ENTRIES} entries; that is not a run")
