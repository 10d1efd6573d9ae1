"""Rescued labels: paid for while their run could not store them, and kept next to it until it is started again.

A run directory may be removed, moved or replaced while its process waits for a label, and a thread that was left behind
may answer when the run has ended. What is bought then lies in ``<run directory>.rescued-<8 hex>/``, a label log like
that of a run. The digits stand for the run's identity and data: another run in the same place takes nothing of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

from alrun.core.errors import LockedError, StoreError
from alrun.core.types import Annotation, LabelStatus
from alrun.store.codec import compact_json
from alrun.store.disk import DISK
from alrun.store.files import remove_tree, write_atomic
from alrun.store.label_lines import LABELS, DamagedLine, LabelReader
from alrun.store.labels import Entry, LabelLog
from alrun.store.lock import RunLock
from alrun.store.reading import Most, is_there, read_bytes
from alrun.store.rundir import RESCUED, RunDirectory

__all__ = ["Rescue"]

#: File with the folder's own name, by which the log knows what it has taken in.
NAME = "name"
SECONDS = 10.0


class Rescue:
    """The folder beside one run.

    Attributes:
        path: The folder; it exists while it holds something.
    """

    def __init__(self, directory: RunDirectory, logger: logging.Logger) -> None:
        """Refer to the folder of the run that is at ``directory`` now; nothing is created."""
        info = _info(directory)
        owner = compact_json([info.get("identity"), info.get("fingerprint")])
        digits = hashlib.sha256(owner).hexdigest()[:8]
        self.path = directory.path.with_name(f"{directory.path.name}{RESCUED}{digits}")
        self._logger = logger
        self._birth = str(info.get("birth", ""))

    def keep(self, entries: Iterable[Entry]) -> None:
        """Make answers (step, order, answer) durable.

        Raises:
            StoreError: The disk refuses.
            LockedError: Another process is at it all the time.
        """
        with _PatientLock(self.path):
            if not is_there(self.path / NAME):
                write_atomic(self.path / NAME, f"{os.urandom(8).hex()} {self._birth}".encode())
            log = LabelLog(self.path, self._logger)
            try:
                log.extend(list(entries))
            finally:
                log.close()

    def hand_over(self, log: LabelLog) -> None:
        """Take what is kept into ``log`` and remove the folder; second answers to a request are only charged.

        The process may die at any point of it: what is in the log by then is not taken in again.
        """
        if not self.path.is_dir():
            return
        try:
            with RunLock(self.path):
                count = self._copy(log)
                remove_tree(self.path / LABELS)  # first: without its name it would be taken in anew
                DISK.sync_directory(self.path)
                remove_tree(self.path)
        except LockedError:
            self._logger.warning("%s is being written to; what it holds is taken in at the next start", self.path)
            return
        self._logger.warning("%d answers taken in from %s", count, self.path)

    def _copy(self, log: LabelLog) -> int:
        """Add the lines that the log has not taken in yet, between two notes that say so."""
        path = self.path / NAME
        content = read_bytes(path, Most.DESCRIPTION).decode(errors="replace") if is_there(path) else ""
        name, _, birth = content.partition(" ")
        lines = list(LabelReader(self.path))
        done = max((n for n in range(len(lines) + 1) if _note("took", name, n).reason in log.notes), default=0)
        begun, ended = _note("takes", name, len(lines)), _note("took", name, len(lines))
        # Of a run that has come back, or was copied, the log has these answers already; so it has those of a part that
        # was taken in. A run that was begun anew has bought its own.
        again = begun.reason in log.notes or birth == self._birth
        entries = []
        for line in lines[done:]:
            if isinstance(line, DamagedLine):
                self._logger.warning("%s line %d ignored: %s", self.path, line.number, line.why)
            elif not (again and log.holds(line)):
                entries.append((line.step, line.order, _charged(line.annotation, line.order in log.answers(line.step))))
        if entries:
            log.extend([(0, -1, begun), *entries, (0, -1, ended)])
        return len(entries)


class _PatientLock(RunLock):
    """A lock that waits some seconds: whoever holds the folder is at it for a moment."""

    def __enter__(self) -> Self:
        end = time.monotonic() + SECONDS
        while True:
            try:
                return super().__enter__()
            except LockedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


def _note(verb: str, name: str, lines: int) -> Annotation:
    """Return what stands in the log before and after the first ``lines`` lines of a folder."""
    return Annotation(None, cost=0.0, status=LabelStatus.REJECTED, reason=f"{verb} in {lines} rescued lines of {name}")


def _charged(answer: Annotation, again: bool) -> Annotation:
    """Return an answer as it is taken in: where the request has one already, it costs something and is none."""
    if not again or answer.status is LabelStatus.REJECTED:
        return answer
    return replace(answer, item=None, target=None, status=LabelStatus.REJECTED, reason="a second answer, rescued")


def _info(directory: RunDirectory) -> Mapping[str, Any]:
    """Return ``run.json``, or nothing where it cannot be read."""
    try:
        return directory.info() if directory.exists else {}
    except StoreError:
        return {}
