"""A working directory that is watched, and a run in it that came from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torchmetrics.classification  # noqa: F401 - makes cache folders when it is imported first, by itself
from watched import WATCHES, Answer, Command, Watch  # type: ignore[import-not-found]

from alrun.cli.main import main


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Return a watch, armed while a command runs, over a working directory ``home`` beside which nothing is touched."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    found = Watch(home.resolve())
    WATCHES.append(found)
    yield found
    WATCHES.remove(found)


@pytest.fixture
def alrun(watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``alrun(*words)`` in ``home``, watched."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words: str) -> Answer:
        capsys.readouterr()
        watch.armed = True
        try:
            code = main(list(words))
        finally:
            watch.armed = False
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def stored(watch: Watch, alrun: Command) -> Path:
    """Return a finished run in ``home``, as somebody else may have sent it."""
    words = ("data=moons", "data.n_samples=100", "learner.hidden=[4]", "training.max_epochs=1", "initial_size=5")
    answer = alrun(*words, "query_size=5", "budget=10", "progress=false", "output_dir=received")
    assert answer.code == 0, answer.err
    watch.forget()
    (run,) = (watch.home / "received").rglob("run.json")
    found: Path = run.parent
    return found
