"""Cache of what takes long to make, in the user's own cache folder: never needed, and read with suspicion.

What lies there may run in a browser. It is taken from a folder and a file alone that belong to this user, that nobody
else can write to, and that are no links; a digest tells of what is torn. Without such a folder everything is made anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.cache_folder import cache_folder, refuse_foreign
from alrun.store.disk import DISK
from alrun.store.files import make_directory, write_atomic
from alrun.store.reading import opened

__all__ = ["cached"]

MOST = 1 << 25


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    """Return what ``make`` returns, or did when it was last asked for ``name``.

    Args:
        name: A file name, which says everything that the content depends on.
        make: Makes it; what it raises is raised.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    try:
        return _read(folder, name)
    except (OSError, ValueError, StoreError):
        content = make()
    with suppress(OSError, StoreError):
        _make(folder)
        write_atomic(folder / name, _sealed(content) + content, durable=False)
    return content


def _make(folder: Path) -> None:
    make_directory(folder.parent)
    with suppress(FileExistsError):
        DISK.mkdir(folder, 0o700)


def _read(folder: Path, name: str) -> bytes:
    """Return the content of a file.

    Raises:
        StoreError: It is not there, or no file.
        PermissionError: It may be somebody else's.
        ValueError: It is torn.
    """
    refuse_foreign(folder.lstat())
    with opened(folder / name, MOST, depth=2) as (descriptor, size):
        refuse_foreign(os.fstat(descriptor))
        data = os.read(descriptor, size)
    seal, _, content = data.partition(b"\n")
    if seal + b"\n" != _sealed(content):
        raise ValueError(name)
    return content


def _sealed(content: bytes) -> bytes:
    return f"sha256 {hashlib.sha256(content).hexdigest()}\n".encode()
