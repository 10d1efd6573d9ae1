"""Places for runs, and uninterrupted runs to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from shutil import copytree

import pytest
from crash_bench import run  # type: ignore[import-not-found]


@pytest.fixture(autouse=True)
def as_many_writes_at_any_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``run.json`` written after every phase: twice a second, it is written the more often the slower a run is."""
    monkeypatch.setattr("alrun.runner.journal.SECONDS_BETWEEN", 0.0)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Path]:
    """Return places where nothing has been run yet."""
    numbers: Iterator[int] = iter(range(10**6))
    return lambda: tmp_path / f"{next(numbers)}" / "run"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the place of an uninterrupted run; never to be changed."""

    @cache
    def reference(*words: str) -> Path:
        place = tmp_path_factory.mktemp("reference") / "run"
        outcome = run(place, *words)
        assert outcome.info["status"] == "finished"
        return place

    return reference


@pytest.fixture
def copied(finished: Callable[..., Path], fresh: Callable[[], Path]) -> Callable[..., Path]:
    """Return a copy of an uninterrupted run."""

    def copy(*words: str) -> Path:
        return Path(copytree(finished(*words), fresh()))

    return copy
