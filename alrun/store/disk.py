"""System calls by which alrun changes a disk, all in one place, where tests can watch them.

``DISK`` is called as ``os`` would be. A test enters ``DISK.watched_by(watcher)`` to record what is done, and in which
order, or to have it refused: see ``alrun.testing.crash_states``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

__all__ = ["DISK", "Disk", "Operation", "Watcher"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that changes something.

    Attributes:
        name: ``open``, ``write``, ``truncate``, ``sync``, ``sync_data``, ``sync_directory``, ``rename``, ``unlink``,
            ``mkdir`` or ``rmdir``.
        path: What it is about; empty where ``descriptor`` says so.
        descriptor: Descriptor of the open file, of ``write``, ``truncate``, ``sync`` and ``sync_data``.
        target: New name, of ``rename``.
        data: What is written.
        size: New size, of ``truncate``.
    """

    name: str
    path: str = ""
    descriptor: int = -1
    target: str = ""
    data: bytes | memoryview = b""
    size: int = 0


class Watcher(Protocol):
    """Hears of operations; several threads may tell it at once."""

    def before(self, operation: Operation) -> None:
        """Hear what is about to be done; what this raises is raised in place of doing it."""
        ...

    def after(self, operation: Operation, result: Any) -> None:
        """Hear that it was done: ``result`` is the descriptor of ``open``, and the count of bytes of ``write``."""
        ...


class Disk:
    """The disk. Errors are those of ``os``."""

    def __init__(self) -> None:
        """Begin without watchers."""
        self._watchers: tuple[Watcher, ...] = ()

    @contextmanager
    def watched_by(self, watcher: Watcher) -> Iterator[None]:
        """Tell ``watcher`` of every operation of this process for as long as this is entered."""
        before, self._watchers = self._watchers, (*self._watchers, watcher)
        try:
            yield
        finally:
            self._watchers = before

    def open(self, path: Path, flags: int, mode: int = 0o644) -> int:
        """Open a file to write or to flush it; return its descriptor."""
        return int(self._do(Operation("open", str(path)), os.open, path, flags, mode))

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write at the file's position; return how many bytes."""
        return int(self._do(Operation("write", descriptor=descriptor, data=data), os.write, descriptor, data))

    def truncate(self, descriptor: int, size: int) -> None:
        """Set the size of a file."""
        self._do(Operation("truncate", descriptor=descriptor, size=size), os.ftruncate, descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Flush a file."""
        self._do(Operation("sync", descriptor=descriptor), os.fsync, descriptor)

    def sync_data(self, descriptor: int) -> None:
        """Flush a file's content and size."""
        self._do(Operation("sync_data", descriptor=descriptor), os.fdatasync, descriptor)

    def sync_directory(self, path: Path) -> None:
        """Flush the names in a directory."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._do(Operation("sync_directory", str(path)), os.fsync, descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, in place of ``target`` where there is one."""
        self._do(Operation("rename", str(source), target=str(target)), os.rename, source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        self._do(Operation("unlink", str(path)), os.unlink, path)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        """Make a directory."""
        self._do(Operation("mkdir", str(path)), os.mkdir, path, mode)

    def rmdir(self, path: Path) -> None:
        """Remove an empty directory."""
        self._do(Operation("rmdir", str(path)), os.rmdir, path)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and what is in it, as far as that can be done; links are not followed."""
        for folder, names, files in os.walk(path, topdown=False):
            links = [name for name in names if Path(folder, name).is_symlink()]
            for name in [*files, *links]:
                with suppress(OSError):
                    self.unlink(Path(folder, name))
            with suppress(OSError):
                self.rmdir(Path(folder))

    def _do(self, operation: Operation, call: Callable[..., Any], *arguments: Any) -> Any:
        watchers = self._watchers
        for watcher in watchers:
            watcher.before(operation)
        result = call(*arguments)
        for watcher in watchers:
            watcher.after(operation, result)
        return result


#: The disk that the store writes to.
DISK = Disk()
