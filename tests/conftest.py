"""The command line as fixtures; and one compute thread a process.

Models are tiny here, and pytest-xdist has a process for each core already. ``tests/command_line.py`` says which fixture
is for what.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Alrun, Answer, Warm, cold  # type: ignore[import-not-found]

# Before anything imports torch; commands that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def alrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Alrun:
    """``alrun(*words)`` in an empty working directory, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    from alrun.cli.main import main

    def run(*words: str) -> Answer:
        capsys.readouterr()
        code = main(list(words))
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def warm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """The process that forks; for fixtures of a wider scope than ``warm``, which wait for what they start."""
    with Warm(tmp_path_factory.mktemp("said")) as process:
        yield process


@pytest.fixture
def warm(warm_process: Warm) -> Iterator[Warm]:
    """Commands in processes of their own; none outlives the test."""
    yield warm_process
    warm_process.end_all()


@pytest.fixture
def alrun_process(tmp_path: Path) -> Alrun:
    """``python -m alrun *words``, started cold, in an empty working directory."""
    return lambda *words: cold(tmp_path, *words)
