"""Everything durable about one run, opened together under its lock."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import Self

from alrun.core.errors import StoreError
from alrun.store.checkpoints import CheckpointStore
from alrun.store.files import AppendLog
from alrun.store.labels import LabelLog
from alrun.store.records import Timing
from alrun.store.rundir import RunDirectory

__all__ = ["RunStore"]

_NAME = re.compile(r"\w[\w.-]*")


class RunStore:
    """The open files of a run directory.

    Attributes:
        directory: Paths and ``run.json``.
        checkpoints: Committed phases.
        labels: The label log.
        timing: The wall-clock table.
    """

    def __init__(self, directory: RunDirectory, logger: logging.Logger) -> None:
        """Open the run at ``directory``; the caller holds its lock."""
        self.directory = directory
        directory.refuse_links()
        directory.remove_temporaries()
        self.checkpoints = CheckpointStore(directory.checkpoints, logger)
        self.labels = LabelLog(directory.labels, logger)
        self.timing = Timing(directory.timing)
        self._logs: dict[str, AppendLog] = {}

    def open_log(self, name: str) -> AppendLog:
        """Return a log that appends to ``callbacks/<name>``; closed with the store.

        Raises:
            StoreError: ``name`` leads elsewhere, or the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} is no name of a file: letters, digits, '.', '_' and '-'")
        if name not in self._logs:
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
        self.timing.close()
        for log in self._logs.values():
            log.close()
