"""Run store: all files of a run, opened together under its lock."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from alrun.core.errors import LockedError, RunDirectoryLost, StoreError
from alrun.core.types import Annotation
from alrun.store.append_log import AppendLog
from alrun.store.checkpoints import CheckpointStore
from alrun.store.files import make_directory
from alrun.store.held_directory import HeldDirectory
from alrun.store.labels import LabelLog
from alrun.store.lock import LOCK, RunLock
from alrun.store.recorded import RecordedLabels
from alrun.store.recorded_picks import RecordedPicks
from alrun.store.records import Timing
from alrun.store.rescue import Rescue
from alrun.store.rundir import RunDirectory

__all__ = ["RunStore"]

_NAME = re.compile(r"\w[\w.-]*")


class RunStore:
    """The open files of a run directory, written to as long as they are those of the run.

    Attributes:
        directory: Paths and ``run.json``.
        checkpoints: Committed phases.
        labels: The label log.
        recorded: Labels of an earlier run, which are not asked for again.
        picks: What an earlier run has chosen, where this one replays it.
        timing: The wall-clock table.
        hidden: Returns a text without the secrets in it.
    """

    def __init__(
        self,
        directory: RunDirectory,
        logger: logging.Logger,
        lock: RunLock | None = None,
        hidden: Callable[[str], str] = str,
    ) -> None:
        """Open the run at ``directory``; the caller holds its ``lock``.

        Raises:
            RunDirectoryLost: The lock is no longer that of the directory.
        """
        self.directory = directory
        self.hidden = hidden
        self._lock = lock
        self._lost = ""
        self._rescue = Rescue(directory, logger)
        if lock is not None:
            lock.check()
        make_directory(directory.path)
        directory.refuse_links()
        directory.remove_temporaries()
        directory.settle()
        make_directory(directory.checkpoints)
        self.checkpoints = CheckpointStore(directory.checkpoints, logger, self.check)
        self._committed = HeldDirectory(directory.checkpoints)
        self.labels = LabelLog(directory.labels, logger, self.check)
        self._rescue.hand_over(self.labels)
        self.recorded = RecordedLabels(directory.recorded)
        self.picks = RecordedPicks.read(directory.recorded)
        self.timing = Timing(directory.timing)
        self._logs: dict[str, AppendLog] = {}

    def check(self) -> None:
        """Go on only where lock, label log and checkpoints still are the files of the run, under their names.

        Otherwise the labels that were bought are made durable beside the run first.

        Raises:
            RunDirectoryLost: One was removed, moved or replaced; says which, and where the labels are.
        """
        first = not self._lost
        self._lost = self._lost or self._missing()
        if self._lost:
            raise RunDirectoryLost(f"{self._lost}\n    → {self._rescued(first)}")

    def keep_late(self, step: int, answers: Sequence[tuple[int, Annotation]]) -> None:
        """Make answers durable that come when nobody waits for them any more: in the label log, or beside the run."""
        try:
            self.labels.append(step, answers)
        except StoreError:
            if self.labels.is_open:
                raise
            self._rescue.keep([(step, order, answer) for order, answer in answers])

    def _missing(self) -> str:
        """Return what is not where it was opened; empty where all is well."""
        held = {
            LOCK: self._lock is None or self._lock.is_named,
            "labels/labels.jsonl": not self.labels.is_open or self.labels.is_named,
            "checkpoints": self._committed.is_named,
        }
        gone = [name for name, well in held.items() if not well]
        path = self.directory.path
        what = "is gone" if not path.exists() else "is another one" if LOCK in gone and len(gone) > 1 else ""
        if not gone:
            return ""
        named = f"{path} {what}" if what else f"{path}: {', '.join(gone)} removed or replaced"
        return f"{named}, while this process was running it; stopped before any more labels are bought"

    def _rescued(self, first: bool) -> str:
        """Keep what was bought, and what is in hand; return where."""
        entries = [*(self.labels.entries if first else ()), *self.labels.in_hand]
        try:
            if entries:
                self._rescue.keep(entries)
        except (StoreError, LockedError) as error:
            return f"the labels bought so far could not be kept beside it: {str(error).splitlines()[0]}"
        if not self._rescue.path.exists():
            return "no labels had been bought; type the same command again"
        path = self._rescue.path
        again = "the same command takes them in and goes on"
        moved = f"if you moved the run to DIR: mv {path} DIR{path.name.removeprefix(self.directory.path.name)}"
        return f"every label bought so far is in {path}; {again}\n    → {moved}, then alrun resume DIR"

    def open_log(self, name: str) -> AppendLog:
        """Return a log that appends to ``callbacks/<name>``; closed with the store.

        Raises:
            StoreError: ``name`` leads elsewhere, or the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} is not a file name: letters, digits, '.', '_' and '-'")
        if name not in self._logs:
            self.check()
            self._logs[name] = AppendLog(self.directory.path / "callbacks" / name, durable=False)
        return self._logs[name]

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files."""
        self.labels.close()
        self._committed.close()
        self.timing.close()
        for log in self._logs.values():
            log.close()
