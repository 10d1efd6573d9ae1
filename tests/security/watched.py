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
FETCHES = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "urllib.Request",
    "ftplib.connect",
)
#: Modules that nothing but a hostile config would import: they lie in a watched folder, or open a browser or a window.
TRAPS = ("trap", "antigravity", "turtle", "idlelib", "sprung")
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
        imported: Modules that nobody but the hostile config names, and code that is run from a watched folder.
        fetched: Connections and requests.
    """

    home: Path
    armed: bool = False
    ran: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    imported: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.ran, self.written, self.read, self.imported, self.fetched = [], [], [], [], []

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in RUNS:
            self.ran.append(f"{event}{arguments!r}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self._opened(os.fsdecode(arguments[0]), arguments[2] or 0)
        elif event in CHANGES and not isinstance(arguments[0], int):
            self._changed(os.fsdecode(arguments[0]))
        elif event in FETCHES:
            self.fetched.append(f"{event}{arguments!r}")
        elif event == "exec" and self._is_strange(arguments[0]):
            self.imported.append(arguments[0].co_filename)
        elif event == "compile" and SENTINEL in str(arguments[0]):
            self.ran.append(f"compile {arguments[0]!r}")

    def _is_strange(self, code: Any) -> bool:
        name = str(getattr(code, "co_filename", ""))
        return name.startswith(f"{self.home.parent}{os.sep}") or Path(name).stem in TRAPS

    def _opened(self, path: str, flags: int) -> None:
        if SENTINEL in path and not self._is_at_home(path):
            self.read.append(path)
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            # A link under that name is refused by the system, so that only its folder counts.
            self._changed(str(Path(path).with_name("new")) if flags & os.O_NOFOLLOW else path)

    def _changed(self, path: str) -> None:
        if not self._is_at_home(path) and not any(cache in path for cache in CACHES):
            self.written.append(path)

    def _is_at_home(self, path: str) -> bool:
        real = os.path.realpath(path)
        is_device = real.startswith("/dev/") and not real.startswith("/dev/shm/")  # noqa: S108 - a folder, in memory
        return is_device or real.startswith(f"{self.home}{os.sep}")

    @property
    def nothing(self) -> bool:
        """Whether nothing was run, imported or fetched, and nothing outside was read or written."""
        return not self.everything

    @property
    def everything(self) -> list[str]:
        """All that was seen."""
        return [*self.ran, *self.imported, *self.fetched, *self.written, *self.read]


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
