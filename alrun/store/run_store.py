"""Everything durable about one run, opened together under its lock."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from alrun.store.checkpoints import CheckpointStore
from alrun.store.labels import LabelLog
from alrun.store.records import Timing
from alrun.store.rundir import RunDirectory

__all__ = ["RunStore"]


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
        directory.remove_temporaries()
        self.checkpoints = CheckpointStore(directory.checkpoints, logger)
        self.labels = LabelLog(directory.labels, logger)
        self.timing = Timing(directory.timing)

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files."""
        self.labels.close()
        self.timing.close()
