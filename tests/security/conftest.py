"""A working directory that is watched, and a run in it that came from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
import torchmetrics.classification  # noqa: F401 - makes cache folders when it is imported first, by itself
from command_line import only_run  # type: ignore[import-not-found]
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


@pytest.fixture(scope="session")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one finished run, below ``received``; never to be changed."""
    folder = tmp_path_factory.mktemp("sent")
    words = ("data=moons", "data.n_samples=100", "learner.hidden=[4]", "training.max_epochs=1", "initial_size=5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*words, "query_size=5", "budget=10", "progress=false", "output_dir=received"]) == 0
    return folder


@pytest.fixture
def stored(watch: Watch, received: Path) -> Path:
    """Return a finished run in ``home``, as somebody else may have sent it."""
    copytree(received, watch.home, dirs_exist_ok=True)
    return Path(only_run(watch.home))
