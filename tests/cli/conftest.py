"""The command line, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from alrun.cli.main import main

#: A whole run in half a second: one cold start and two steps.
SMALL = (
    "data=moons",
    "data.n_samples=300",
    "learner.hidden=[8]",
    "training.max_epochs=2",
    "initial_size=10",
    "query_size=10",
    "budget=30",
)


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Alrun = Callable[..., Answer]


@pytest.fixture
def alrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Alrun:
    """``alrun(*words)`` in an empty working directory, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words: str) -> Answer:
        capsys.readouterr()
        code = main(list(words))
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def alrun_process(tmp_path: Path) -> Alrun:
    """``python -m alrun *words`` in an empty working directory."""

    def run(*words: str) -> Answer:
        command = [sys.executable, "-m", "alrun", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


def contents(folder: Path) -> set[str]:
    """Return everything below ``folder``."""
    return {os.path.relpath(path, folder) for path in folder.rglob("*")}
