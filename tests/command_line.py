"""The command line in processes, and what it leaves, for tests that type it.

A test takes the first of these fixtures that will do (``tests/conftest.py``):

- ``alrun(*words)``: a command in this process. Nearly all tests: it costs nothing but what the command does.
- ``warm``: commands and programs in processes of their own, forked from one that has imported torch and Lightning, one
  for all tests of a worker; a start costs 20 ms. For what needs a process: signals, kills, several at once.
  ``warm.run(folder, *words)`` waits; ``warm.start(folder, *words)`` returns a ``Process`` that can be killed, sent
  signals, and waited for; ``die_at="outputs/*/*/checkpoints/step_2"`` has it killed, with SIGKILL, at its first step
  after a match has come to be; ``code=`` runs a program in place of ``alrun``.
- ``cold(folder, *words)`` and ``started(folder, …)``, no fixtures: Python started anew, 9 s of a processor where it
  trains. For what a fork of a process with all imports cannot show: that the imports work, which of them happen, hash
  seeds, plugins of Hydra. ``program=`` runs something else than ``alrun``.

No test leaves a process behind: the fixture kills and reaps what is left. No test waits for a time: it waits for what
it needs, with ``wait_for``; ``PATIENCE`` alone ends a wait for what never comes.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

#: A whole run in a fraction of a second: a cold start and two queries.
SMALL = (
    *("data=moons", "data.n_samples=300", "learner.hidden=[8]", "training.max_epochs=2"),
    *("initial_size=10", "query_size=10", "budget=30", "progress=false"),
)
#: Seconds after which a wait is given up: far beyond what anything takes on a busy machine.
PATIENCE = 600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Alrun = Callable[..., Answer]


def wait_for(condition: Callable[[], T | None]) -> T:
    """Return the first true value of ``condition``, asked again and again."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("what is waited for does not come")


@dataclass(frozen=True)
class Process:
    """A command that runs in a process of its own.

    Attributes:
        pid: Its number, which is not given to another process before the test ends.
    """

    pid: int
    _out: Path
    _err: Path
    _ask: Callable[[bool], int | None]

    def send(self, number: signal.Signals, *, family: bool = False) -> None:
        """Send a signal; with ``family``, to all processes too that it has started in its group."""
        (os.killpg if family else os.kill)(self.pid, number)

    def kill(self, *, family: bool = False) -> int:
        """Send SIGKILL and wait; return the exit code, which is not -9 where the process had ended before."""
        self.send(signal.SIGKILL, family=family)
        return self.wait().code

    def poll(self) -> int | None:
        """Return the exit code, or nothing while the process runs."""
        return self._ask(False)

    def wait(self) -> Answer:
        """Wait for the end, and return what was said."""
        code = self._ask(True)
        assert code is not None
        return Answer(code, *(path.read_text(errors="replace") for path in (self._out, self._err)))

    def wait_for(self, condition: Callable[[], T | None]) -> T:
        """Return the first true value of ``condition``; the process must not end before."""

        def found() -> tuple[T] | None:
            ended = self.poll() is not None
            value = condition()
            assert value or not ended, self.wait()
            return (value,) if value else None

        return wait_for(found)[0]


class Warm:
    """A process that has imported what runs need, and forks for each command line; see ``tests/warm.py``."""

    def __init__(self, said: Path) -> None:
        """Start it; ``said`` is a folder for what its children say."""
        self._said = said
        self._numbers = count()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, str(Path(__file__).with_name("warm.py")), str(theirs.fileno())]
            self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        ours.settimeout(PATIENCE)
        self._channel = ours
        self._lines = ours.makefile("rw")
        assert self._lines.readline() == "ready\n"

    def _answer(self, **request: Any) -> int | None:
        self._lines.write(f"{json.dumps(request)}\n")
        self._lines.flush()
        answer: int | None = json.loads(self._lines.readline())
        return answer

    def start(
        self, folder: Path, *words: str, die_at: str | None = None, code: str | None = None, **environment: str
    ) -> Process:
        """Start ``alrun`` with ``words`` in ``folder``.

        Args:
            folder: Working directory.
            words: The command line.
            die_at: A glob below ``folder``; the process gets SIGKILL at its next step after a file that matches has
                come to be there.
            code: A Python program to run in place of ``alrun``; ``words`` are its arguments.
            environment: Variables beside those of this process.
        """
        number = next(self._numbers)
        out, err = self._said / f"{number}.out", self._said / f"{number}.err"
        pid = self._answer(
            start=words,
            code=code,
            die_at=die_at,
            folder=str(folder),
            environment={**os.environ, **environment},
            out=str(out),
            err=str(err),
        )
        assert pid is not None
        return Process(pid, out, err, lambda block: self._answer(wait=pid, block=block))

    def run(self, folder: Path, *words: str, **options: Any) -> Answer:
        """Start ``alrun`` with ``words`` in ``folder``, and wait for its end; nothing that it has started is left."""
        process = self.start(folder, *words, **options)
        try:
            return process.wait()
        finally:
            self._answer(end=[process.pid])

    def end_all(self) -> None:
        """Kill and reap all that was started, and what that has started."""
        self._answer(end=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._lines.close()
        self._channel.close()
        self._server.wait()


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start Python with ``words`` in a process that shares nothing; it does not outlive the context."""
    pipe = subprocess.PIPE
    command = [sys.executable, *words]
    with subprocess.Popen(command, cwd=folder, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def cold(folder: Path, *words: str, program: Sequence[str] = ("-m", "alrun")) -> Answer:
    """Run ``python -m alrun`` in a process that shares nothing, or ``python`` with another ``program``."""
    with started(folder, *program, *words) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return Answer(process.returncode, out, err)


def tree(folder: Path) -> Iterator[Path]:
    """Yield everything below ``folder``, which may change meanwhile."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(place, name)


def contents(folder: Path) -> set[str]:
    """Return everything below ``folder``."""
    return {str(path.relative_to(folder)) for path in tree(folder)}


def runs(folder: Path) -> list[Path]:
    """Return the run directories below ``folder``, by name; those that were set aside are left out."""
    found = (path.parent for path in tree(folder) if path.name == "run.json")
    return sorted(path for path in found if ".aside-" not in path.name)


def only_run(folder: Path) -> Path:
    """Return the one run directory below ``folder``."""
    (run,) = runs(folder)
    return run


def info(run: Path) -> dict[str, Any]:
    """Return ``run.json``."""
    loaded: dict[str, Any] = json.loads((run / "run.json").read_text())
    return loaded


def commits(folder: Path) -> dict[str, int]:
    """Return when each phase below ``folder`` was committed; the same after a command that executed nothing."""
    found: dict[str, int] = {}
    for path in tree(folder):
        if path.name == "MANIFEST.json":
            with suppress(FileNotFoundError):
                found[str(path.relative_to(folder))] = path.stat().st_mtime_ns
    return found


def results(run: Path) -> dict[str, str]:
    """Return hashes of what must not depend on how often a run was interrupted, or on where it lies."""
    files = [run / "records.parquet", run / "acquisitions.parquet", *run.glob("checkpoints/*/training/weights*")]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
