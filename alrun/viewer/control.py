"""Control of a run on this machine: pause, stop and continue, each noted in its directory with author and reason."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from alrun.core.errors import AlrunError, ConfigError, Problem
from alrun.core.process import Process
from alrun.core.showing import printable
from alrun.report.runs import Run
from alrun.store.control import add_request
from alrun.store.holder import Holder
from alrun.store.lock import holder_of, is_locked
from alrun.viewer.requests import pausing

__all__ = ["TOLD", "Control", "offered", "whoami"]

MOST_SAID = 4000
TOLD: Mapping[str, str] = {
    "pause": "It waits at the end of the phase that it is in, and keeps its memory and its lock.",
    "continue": "It goes on with its next phase.",
    "stop": "Its process is asked to end (SIGTERM): it commits or abandons its phase, and can be resumed. So do all "
    "other runs of the same process.",
    "resume": "alrun resume goes on with it, in a process of its own that outlives this page.",
}


def offered(run: Run) -> list[str]:
    """Return what can be asked of ``run`` now."""
    if run.status == "running":
        return ["continue" if pausing(run.path) else "pause", "stop"] if holder_of(run.path) else []
    return ["resume"] if run.status in ("interrupted", "failed") and not is_locked(run.path) else []


class Control:
    """Does what people ask of runs, and keeps what resumed ones said when they could not go on."""

    def __init__(self) -> None:
        """Have done nothing yet."""
        self._said: dict[Path, str] = {}

    def said(self, run_dir: Path) -> str:
        """Return what there is to say of the last ``alrun resume``: it starts, or it failed; else empty."""
        return "" if is_locked(run_dir) else self._said.get(run_dir, "")

    def ask(self, run: Run, action: str, author: str, reason: str) -> None:
        """Do ``action``, one of those that are ``offered``; it is noted first.

        Raises:
            ConfigError: It is not offered.
            StoreError: It cannot be noted, and so is not done.
        """
        if action not in offered(run):
            raise ConfigError(Problem(f"{action} is not possible: the run is {run.status}"))
        holder = holder_of(run.path)
        add_request(run.path, action, author, reason)
        if action == "stop" and holder is not None:
            _stop(holder)
        elif action == "resume":
            self._resume(run.path)

    def _resume(self, run_dir: Path) -> None:
        self._said[run_dir] = "alrun resume starts"
        heard = _memory_file()
        process = subprocess.Popen(  # noqa: S603 - alrun itself
            [sys.executable, "-P", "-m", "alrun", "resume", str(run_dir.absolute())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=heard, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._hear, args=(run_dir, process, heard), daemon=True).start()

    def _hear(self, run_dir: Path, process: subprocess.Popen[bytes], heard: int) -> None:
        """Wait for the process, so that it is no zombie, and keep why it failed."""
        code = process.wait()
        self._said.pop(run_dir, None)
        if heard < 0:
            return
        said = os.pread(heard, MOST_SAID, max(0, os.fstat(heard).st_size - MOST_SAID)).decode(errors="replace")
        os.close(heard)
        if code not in (0, 130, 143):
            self._said[run_dir] = f"alrun resume ended with exit code {code}\n{said}"


def whoami() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _stop(holder: Holder) -> None:
    """Ask the process of a run to end.

    Raises:
        AlrunError: It is somebody else's.
    """
    try:
        Process(holder.pid, holder.started).send(signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        command = printable(Process(holder.pid).command)
        raise AlrunError(f"process {holder.pid} ({command}) belongs to another user") from error


def _memory_file() -> int:
    """Return the descriptor of a file in memory; where the system has none, of nothing."""
    return os.memfd_create("alrun-resume") if hasattr(os, "memfd_create") else subprocess.DEVNULL
