"""Fault injection: the process dies, or the disk refuses, at a chosen point of what alrun writes.

Whoever writes a label strategy or a pool with storage of its own can hold it to the promises that alrun makes::

    with Faults(run_dir) as watch:  # counts the points, breaks nothing
        experiment()
    for point in range(watch.count):
        with Faults(copy_of(run_dir), Crash(point)), suppress(SimulatedCrash):
            experiment()
        experiment()  # must end as if nothing had happened

Points are the calls of ``os`` that change something below a directory: opening for writing, writing, flushing, cutting,
renaming, making and removing. ``pathlib`` and ``shutil`` go through the same calls, ``open`` does not: only what is
written as ``alrun.store`` writes is seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Crash", "Faults", "Refuse", "SimulatedCrash"]

#: Calls by what their first argument is.
BY_DESCRIPTOR = ("write", "pwrite", "fsync", "fdatasync", "ftruncate")
BY_PATH = ("open", "mkdir", "rmdir", "unlink", "remove", "rename", "replace")
#: What a full or read-only disk refuses; making room is allowed.
REFUSABLE = frozenset({"open", "write", "pwrite", "fsync", "fdatasync", "mkdir", "rename", "replace"})
WRITES = frozenset({"write", "pwrite"})


class SimulatedCrash(BaseException):
    """The process has died. Not an ``Exception``, so that only ``finally`` and ``with`` see it."""


@dataclass(frozen=True)
class Crash:
    """Die at a point; from then on nothing is written any more, whatever cleaning up is tried.

    Attributes:
        point: Number of the point, from 0.
        half: Write the first half of the bytes before dying (the whole call, where it is no write).
        lose_unsynced: Drop what was written and never flushed, as a power cut may.
    """

    point: int
    half: bool = False
    lose_unsynced: bool = False


@dataclass(frozen=True)
class Refuse:
    """Have the system refuse from a point on.

    Attributes:
        point: Number of the point, from 0.
        errno: Error number, e.g. ``errno.ENOSPC``; a write then writes half of the bytes first.
        once: Refuse this call alone, rather than everything that needs room or permission from there on.
    """

    point: int
    errno: int
    once: bool = False


class Faults:
    """Counts the write points below a directory for as long as it is entered, and breaks one.

    Patches functions of ``os``, so it belongs in a test with one thread.

    Attributes:
        count: Points passed so far.
        trace: Name of each call and the path it was about.
        struck: Whether the fault has happened.
    """

    def __init__(self, root: Path, fault: Crash | Refuse | None = None) -> None:
        """Watch what is written below ``root``; ``fault`` says what breaks, ``None`` for nothing."""
        self.trace: list[tuple[str, str]] = []
        self.struck = False
        self._root = os.path.realpath(root)
        self._fault = fault
        self._paths: dict[int, str] = {}
        self._unsynced = _Unsynced()
        self._real: dict[str, Callable[..., Any]] = {}

    @property
    def count(self) -> int:
        """Points passed so far."""
        return len(self.trace)

    def __enter__(self) -> Self:
        """Begin to watch."""
        for name in (*BY_DESCRIPTOR, *BY_PATH):
            self._real[name] = getattr(os, name)
            setattr(os, name, self._watched(name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the real functions back; after a power cut, drop what was never flushed."""
        for name, function in self._real.items():
            setattr(os, name, function)
        if self.struck and isinstance(self._fault, Crash) and self._fault.lose_unsynced:
            self._unsynced.drop()

    def _watched(self, name: str) -> Callable[..., Any]:
        def call(first: Any, *arguments: Any, **keywords: Any) -> Any:
            path = self._path(name, first, keywords)
            if path is None:
                return self._real[name](first, *arguments, **keywords)
            if name == "open" and not _is_for_writing(arguments, keywords):
                return self._opened(path, self._real[name](first, *arguments, **keywords))
            self._strike(name, path, first, arguments, keywords)
            result = self._real[name](first, *arguments, **keywords)
            self._note(name, path, first, arguments, result)
            return result

        return call

    def _path(self, name: str, first: Any, keywords: dict[str, Any]) -> str | None:
        """Return what a call is about, if it lies below the root."""
        if name in BY_DESCRIPTOR:
            return self._paths.get(first)
        directory = keywords.get("dir_fd", keywords.get("src_dir_fd"))
        base = self._paths.get(directory, "") if directory is not None else os.getcwd()  # noqa: PTH109
        path = os.path.normpath(os.path.join(base, os.fsdecode(first)))  # noqa: PTH118
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        return path if path == self._root or path.startswith(self._root + os.sep) else None

    def _opened(self, path: str, descriptor: int) -> int:
        self._paths[descriptor] = path
        return descriptor

    def _strike(self, name: str, path: str, first: Any, arguments: Any, keywords: Any) -> None:
        point = self.count
        self.trace.append((name, path))
        fault = self._fault
        if isinstance(fault, Crash) and (self.struck or point == fault.point):
            if not self.struck and fault.half:
                with suppress(OSError):
                    self._partly(name, path, first, arguments, keywords)
            self.struck = True
            raise SimulatedCrash(f"point {point}: {name} {path}")
        if isinstance(fault, Refuse) and self._refused(fault, point, name):
            if name in WRITES:
                self._partly(name, path, first, arguments, keywords)
            self.struck = True
            raise OSError(fault.errno, os.strerror(fault.errno), path)

    def _refused(self, fault: Refuse, point: int, name: str) -> bool:
        if point == fault.point:
            return True
        return self.struck and not fault.once and name in REFUSABLE

    def _partly(self, name: str, path: str, first: Any, arguments: Any, keywords: Any) -> None:
        if name in WRITES:
            data, *rest = arguments
            arguments = (data[: len(data) // 2], *rest)
        result = self._real[name](first, *arguments, **keywords)
        self._note(name, path, first, arguments, result)
        if name == "open":
            os.close(result)

    def _note(self, name: str, path: str, first: Any, arguments: Any, result: Any) -> None:
        if name == "open":
            self._opened(path, result)
            self._unsynced.opened(path)
        elif name in ("fsync", "fdatasync", "ftruncate"):
            self._unsynced.synced(path)
        elif name in ("rename", "replace"):
            target = os.path.realpath(arguments[0])
            self._unsynced.renamed(path, target)
            self._paths = {key: target if held == path else held for key, held in self._paths.items()}


class _Unsynced:
    """How much of each file that was opened for writing is known to be on disk."""

    def __init__(self) -> None:
        self._safe: dict[str, int] = {}

    def opened(self, path: str) -> None:
        self._safe.setdefault(path, Path(path).stat().st_size)

    def synced(self, path: str) -> None:
        if path in self._safe:
            self._safe[path] = Path(path).stat().st_size

    def renamed(self, source: str, target: str) -> None:
        moved = {path: size for path, size in self._safe.items() if path == source or path.startswith(source + os.sep)}
        for path, size in moved.items():
            del self._safe[path]
            self._safe[target + path.removeprefix(source)] = size

    def drop(self) -> None:
        for path, size in self._safe.items():
            if Path(path).is_file() and Path(path).stat().st_size > size:
                os.truncate(path, size)


def _is_for_writing(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    flags = keywords.get("flags", arguments[0] if arguments else os.O_RDONLY)
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
