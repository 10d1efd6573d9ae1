"""Log file of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.core.showing import printable_block
from alrun.store.append_log import AppendLog

__all__ = ["LogHandler"]

#: Characters of a line.
MOST = 10_000


class LogHandler(logging.Handler):
    """Appends to a file that is opened at the first message. What cannot be written is lost, and fails no run.

    Lines of a message after its first are indented: whatever a name or an exception says, it begins no entry.
    """

    def __init__(self, path: Path, cleaned: Callable[[str], str] = str) -> None:
        """Append to ``path`` what ``cleaned`` makes of each message, traceback included."""
        super().__init__()
        self._path = path
        self._cleaned = cleaned
        self._log: AppendLog | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Append one message."""
        line = f"{printable_block(self._cleaned(self.format(record)), MOST)}\n".encode(errors="replace")
        if self._log is None and not self._path.parent.is_dir():
            return  # the run directory was removed: it is not made again for that
        try:
            self._log = self._log or AppendLog(self._path, durable=False)
            self._log.append(line)
        except StoreError:
            return

    def close(self) -> None:
        """Close the file."""
        if self._log is not None:
            self._log.close()
        super().close()
