"""Trace of the disk operations of the store, in order, with notes of what has been acknowledged in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

from alrun.store.disk import DISK, Operation
from alrun.testing.faults import SimulatedCrash

__all__ = ["DiskTrace", "Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One operation that was done, or a note.

    Attributes:
        name: Name of the operation, as in ``alrun.store.disk.Operation``, or ``note``.
        path: What it is about, relative to the traced folder; empty where ``descriptor`` says so.
        descriptor: Descriptor of the open file.
        target: New name, of ``rename``; relative likewise, empty where it lies elsewhere.
        data: What was written; of ``open`` what the file held.
        size: New size, of ``truncate``.
        note: What was noted.
    """

    name: str
    path: str = ""
    descriptor: int = -1
    target: str = ""
    data: bytes = b""
    size: int = 0
    note: Any = None

    def __str__(self) -> str:
        """Return it on one line."""
        where = self.path or (f"descriptor {self.descriptor}" if self.descriptor >= 0 else repr(self.note))
        return f"{self.name} {where}{f' to {self.target}' if self.target else ''}"


@dataclass
class DiskTrace:
    """Watches the store, below one folder, while it is entered.

    Attributes:
        root: The folder, without links in its path.
        forget: Whether an operation is left out, as if the store did not do it.
        events: What was done, in order.
    """

    root: Path
    forget: Callable[[Event], bool] = lambda event: False
    events: list[Event] = field(default_factory=list)
    _deadly: Callable[[Event], bool] | None = None
    _is_dead: bool = False
    _open: set[int] = field(default_factory=set)
    _lock: Any = field(default_factory=RLock)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what this process does."""
        with DISK.watched_by(self):
            yield

    @contextmanager
    def killed_after(self, moment: int | Callable[[Event], bool]) -> Iterator[None]:
        """Let the process die within this block, as ``kill -9`` would: from then on nothing is done.

        What it has written by then is still there for the next session, flushed or not. Leaving this block, dead or
        not, is the beginning of the next process.

        Args:
            moment: So many operations and notes from here; or the first operation for which this is true.
        """
        end = len(self.events) + moment if isinstance(moment, int) else 0
        self._deadly = moment if callable(moment) else lambda event: len(self.events) >= end
        try:
            with suppress(SimulatedCrash):
                yield
        finally:
            self._deadly, self._is_dead = None, False

    def note(self, promise: Any) -> None:
        """Note what the store has promised by now; a state of the disk that comes later must keep it."""
        with self._lock:
            self.events.append(Event("note", note=promise))

    def before(self, operation: Operation) -> None:
        """Refuse what a dead process would do."""
        if self._is_dead:
            raise SimulatedCrash(operation.name)

    def after(self, operation: Operation, result: Any) -> None:
        """Record what was done."""
        with self._lock:
            event = self._event(operation, result)
            if event is not None and not self.forget(event):
                self.events.append(event)
                self._is_dead |= self._deadly is not None and self._deadly(event)

    def _event(self, operation: Operation, result: Any) -> Event | None:
        """Return what happened below the root, if it did."""
        name, descriptor = operation.name, operation.descriptor
        if descriptor >= 0:
            if descriptor not in self._open:
                return None
            data = bytes(operation.data[:result]) if name == "write" else b""
            return Event(name, descriptor=descriptor, data=data, size=operation.size)
        path = self._relative(operation.path)
        if name == "open":
            self._open.discard(result)
            if path is None:
                return None
            self._open.add(result)
            return Event(name, path, result, data=_held(result, operation.path))
        if path is None:
            return None
        return Event(name, path, target=(self._relative(operation.target) or "") if operation.target else "")

    def _relative(self, path: str) -> str | None:
        given = Path(os.path.abspath(path))  # noqa: PTH100 - a link is not followed
        whole = Path(os.path.realpath(given.parent), given.name)
        return whole.relative_to(self.root).as_posix() if whole.is_relative_to(self.root) else None


def _held(descriptor: int, path: str) -> bytes:
    """Return what a file holds that was just opened: it may have been written past the store."""
    return Path(path).read_bytes() if os.fstat(descriptor).st_size else b""
