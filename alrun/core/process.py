"""Process of this machine, identified by number and start time."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Process"]

LONGEST_COMMAND = 300
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Process:
    """A process by its number and the moment of its start.

    Attributes:
        pid: Its number.
        started: Ticks from the start of the machine to that of the process; 0 where the system does not say.
    """

    pid: int
    started: int = 0

    @classmethod
    def at(cls, pid: int) -> Self:
        """Return the process that has the number now."""
        return cls(pid, _started(pid))

    @property
    def is_alive(self) -> bool:
        """Whether it runs; one that has ended and is not waited for yet does not."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        started = _started(self.pid)
        return (not self.started or started == self.started) and not (self.started and _is_zombie(self.pid))

    @property
    def command(self) -> str:
        """Its command line as the system has it; empty where it does not say."""
        with suppress(OSError):
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            line = " ".join(words).strip()
            return "".join(one if one.isprintable() else "?" for one in line)[:LONGEST_COMMAND]
        return ""

    def send(self, signum: int) -> None:
        """Send it a signal; never to another process that has its number by now.

        Raises:
            ProcessLookupError: It has ended.
            PermissionError: It is somebody else's.
        """
        if not hasattr(os, "pidfd_open"):
            if not self.is_alive:
                raise ProcessLookupError
            os.kill(self.pid, signum)
            return
        descriptor = os.pidfd_open(self.pid)
        try:
            if not self.is_alive:
                raise ProcessLookupError
            signal.pidfd_send_signal(descriptor, signum)
        finally:
            os.close(descriptor)

    def wait(self) -> None:
        """Return when it has ended."""
        with suppress(OSError, AttributeError):
            descriptor = os.pidfd_open(self.pid)
            try:
                # Whoever has the number by now may be another one.
                if self.is_alive:
                    select.select([descriptor], [], [])
                return
            finally:
                os.close(descriptor)
        while self.is_alive:
            time.sleep(POLL_SECONDS)


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` after the name, from the state on."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def _started(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def _is_zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]
