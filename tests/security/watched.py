"""A watch over this process: what it imports, runs and opens while something hostile is put to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUNS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "subprocess.Popen",
    "pty.spawn",
    "pickle.find_class",
)
CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate", "os.symlink", "os.link")
#: What libraries make for themselves when they are imported.
CACHES = ("__pycache__", "torchinductor", "/matplotlib")
SENTINEL = "sprung"


@dataclass
class Watch:
    """What was seen while it was armed.

    Attributes:
        home: The folder in which reading and writing is expected.
        ran: Programs started, and pickles that looked for a class.
        written: Paths outside ``home`` opened for writing, made, moved or removed.
        read: Paths that outside ``home`` that bear the sentinel's name.
    """

    home: Path
    armed: bool = False
    ran: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.ran, self.written, self.read = [], [], []

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in RUNS:
            self.ran.append(f"{event}{arguments!r}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self._opened(os.fsdecode(arguments[0]), arguments[2] or 0)
        elif event in CHANGES and not isinstance(arguments[0], int):
            self._changed(os.fsdecode(arguments[0]))

    def _opened(self, path: str, flags: int) -> None:
        if SENTINEL in path and not self._is_at_home(path):
            self.read.append(path)
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._changed(path)

    def _changed(self, path: str) -> None:
        if not self._is_at_home(path) and not any(cache in path for cache in CACHES):
            self.written.append(path)

    def _is_at_home(self, path: str) -> bool:
        return os.path.realpath(path).startswith((f"{self.home}{os.sep}", "/dev/"))

    @property
    def nothing(self) -> bool:
        """Whether nothing was run, and nothing outside was read or written."""
        return not (self.ran or self.written or self.read)


WATCHES: list[Watch] = []


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in WATCHES:
        watch.see(event, arguments)


sys.addaudithook(_see)


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]
