"""The command line as fixtures; and one compute thread a process.

Models are tiny here, and pytest-xdist has a process for each core already.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from command_line import Alrun, Answer, finish, start  # type: ignore[import-not-found]

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


@pytest.fixture
def alrun_process(tmp_path: Path) -> Alrun:
    """``python -m alrun *words`` in an empty working directory."""
    return lambda *words: finish(start(tmp_path, *words))
