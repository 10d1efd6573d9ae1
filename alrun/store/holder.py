"""Holder of a run directory: its entry in the lock file, and the message for other processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from alrun.core.parsing import parse_json
from alrun.core.process import Process
from alrun.core.showing import typed

__all__ = ["Holder"]


@dataclass(frozen=True)
class Holder:
    """The process that holds a run directory.

    Attributes:
        pid: Its number.
        host: Its machine.
        started: When it started, see ``Process``.
        since: When it took the directory, UTC.
        sweep: Number of the process that started it as a worker; 0 where it is none.
        sweep_started: When that one started.
    """

    pid: int
    host: str
    started: int = 0
    since: str = ""
    sweep: int = 0
    sweep_started: int = 0

    @classmethod
    def here(cls) -> Self:
        """Return this process."""
        is_worker = multiprocessing.current_process().name != "MainProcess"
        parent = multiprocessing.parent_process()
        parent_pid = os.getppid() if parent is None or parent.pid is None else parent.pid
        sweep = Process.at(parent_pid) if is_worker else Process(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        own = Process.at(os.getpid())
        return cls(own.pid, socket.gethostname(), own.started, since, sweep.pid, sweep.started)

    @classmethod
    def read(cls, content: bytes) -> Self | None:
        """Return the holder that a lock file names, or ``None`` where it names none."""
        try:
            values = parse_json(content)
            given = {name: kind(values[name]) for name, kind in _KINDS.items() if name in values}
            return cls(**given)
        except (ValueError, KeyError, TypeError, OverflowError):
            return None

    def signature(self) -> bytes:
        """Return what the lock file says of it."""
        return json.dumps(asdict(self)).encode()

    @property
    def is_orphan(self) -> bool:
        """Whether it is a worker on this machine whose sweep has ended: it ends by itself in a moment."""
        if not self.sweep or self.host != socket.gethostname():
            return False
        return not Process(self.sweep, self.sweep_started).is_alive

    @staticmethod
    def refusal_of_nobody(run_dir: Path) -> str:
        """Return what to tell where the lock file does not say who holds it."""
        return (
            f"{run_dir} is being run by another process\n    → wait for it, or watch it: alrun status {typed(run_dir)}"
        )

    def refusal(self, run_dir: Path) -> str:
        """Return what to tell whoever wants its directory."""
        since = f" since {_clean(self.since)}" if self.since else ""
        told = f"{run_dir} is being run by process {self.pid} on {_clean(self.host)}{since}"
        if self.is_orphan:
            return (
                f"{told}, a worker of a sweep (process {self.sweep}) that has ended; it ends within seconds"
                f"\n    → type the same command again; if it is still there: kill {self.pid}"
            )
        return f"{told}{self._command}\n    → wait for it, or watch it: alrun status {typed(run_dir)}"

    @property
    def _command(self) -> str:
        """What it is doing, as far as this machine knows."""
        if self.host != socket.gethostname():
            return ""
        process = Process(self.sweep, self.sweep_started) if self.sweep else Process(self.pid, self.started)
        command = process.command if process.is_alive else ""
        worker = f", a worker of process {self.sweep}" if self.sweep else ""
        return f"{worker} ({command})" if command else worker


_KINDS = {"pid": int, "host": str, "started": int, "since": str, "sweep": int, "sweep_started": int}


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)[:80]
