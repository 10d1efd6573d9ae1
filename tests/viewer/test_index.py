"""The index of runs: what has not changed is not read again, and what has is seen."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from alrun.report.runs import Run
from alrun.store.lock import RunLock
from alrun.viewer.estimate import about, seconds_left
from alrun.viewer.index import Index
from alrun.viewer.sweeps import Directions, best_of, sweeps_of


@pytest.fixture
def root(small_run: Path, tmp_path: Path) -> Path:
    """Four finished runs in two folders."""
    for name in ("first/a", "first/b", "second/c", "second/d"):
        shutil.copytree(small_run, tmp_path / name, ignore=shutil.ignore_patterns("checkpoints"))
        edit(tmp_path / name, seed=ord(name[-1]), metrics={"accuracy": ord(name[-1]) / 200, "nll": 1.0})
    return tmp_path


def edit(run: Path, **values: object) -> None:
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(info | values))


def test_only_what_has_changed_is_read_again(root: Path) -> None:
    index = Index(root)
    index.scan()
    before = index.state(), index.state("first"), index.state("second")
    index.scan()
    assert (index.state(), index.state("first"), index.state("second")) == before
    path = root / "first/b/run.json"
    found, text = path.stat(), path.read_text()
    path.write_text(text.replace('"labels": 30', '"labels": 31'))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    index.scan()
    assert labels(index, "first/b") == 30, "a file of the same size, time and number is not read"
    os.utime(path)
    index.scan()
    assert labels(index, "first/b") == 31
    assert index.state() != before[0]
    assert index.state("first") != before[1]
    assert index.state("second") == before[2]
    shutil.rmtree(root / "second/d")
    index.scan()
    assert [entry.place for entry in index.entries()] == ["first/a", "first/b", "second/c"]
    assert index.state("second") != before[2]


def labels(index: Index, place: str) -> int:
    return next(entry.run.labels for entry in index.entries() if entry.place == place)


def test_a_run_that_is_taken_or_killed_is_seen_though_no_file_changes(root: Path) -> None:
    edit(root / "first/a", status="running")
    index = Index(root)
    with RunLock(root / "first/a"):
        index.scan()
        (running,) = (entry for entry in index.entries() if entry.run.status == "running")
        assert running.place == "first/a"
    index.scan()
    assert [entry.run.status for entry in index.entries("first")] == ["interrupted", "finished"]
    with RunLock(root / "first/a"):
        index.scan()
        assert [entry.run.status for entry in index.entries("first")] == ["running", "finished"]


def test_links_hidden_folders_and_runs_set_aside_are_no_part(root: Path) -> None:
    shutil.copytree(root / "first/a", root / "first/.hidden")
    shutil.copytree(root / "first/a", root / "first/a.aside-1")
    (root / "first/link").symlink_to(root / "first/a")
    index = Index(root)
    index.scan()
    assert len(index.entries()) == 4


def test_a_run_itself_and_names_that_are_no_text_have_addresses(root: Path, small_run: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(root) + b"/second/\xff\xfe"))
    shutil.copytree(small_run, odd)
    index = Index(root)
    index.scan()
    keys = [entry.key for entry in index.entries()]
    assert len(set(keys)) == 5
    assert all(len(key) == 16 and key.isalnum() for key in keys)
    alone = Index(odd)
    alone.scan()
    (entry,) = alone.entries()
    assert (entry.place, entry.folder) == (".", ".")


def test_the_best_strategy_is_that_of_the_best_mean_in_the_direction_recorded(root: Path) -> None:
    for name, query, value in (("a", "x", 0.9), ("b", "x", 0.5), ("c", "y", 0.8), ("d", "y", 0.7)):
        place = root / ("first" if name in "ab" else "second") / name
        edit(place, choices={"query": query}, metrics={"accuracy": value, "nll": 1 - value})
    for name in ("c", "d"):
        shutil.move(root / "second" / name, root / "first" / name)
    index = Index(root)
    index.scan()
    (sweep,) = sweeps_of(index)
    best = best_of(sweep, Directions())
    assert best is not None
    assert (best.strategy, best.count, best.metric) == ("y", 2, "accuracy")
    assert best.value == pytest.approx(0.75)
    for name, value in (("a", 0.9), ("b", 0.5), ("c", 0.8), ("d", 0.7)):
        edit(root / "first" / name, metrics={"nll": 1 - value})
    index.scan()
    lower = best_of(sweeps_of(index)[0], Directions())
    assert lower is not None
    assert (lower.strategy, lower.metric) == ("y", "nll")
    assert lower.value == pytest.approx(0.25)


def test_time_left_goes_by_the_last_steps(tmp_path: Path) -> None:
    steps = "".join(f"{step},training,{seconds}\n" for step, seconds in enumerate((1.0, 4.0, 10.0, 10.0, 10.0)))
    (tmp_path / "timing.csv").write_text(f"step,phase,seconds\n{steps}x,y,z\n9,training,nan\n5,training,2.5\n")
    run = Run(tmp_path, "running", step=5, labels=60, budget=100)
    # Ten labels a step: four more steps and the last training, less what this step has taken.
    assert seconds_left(run) == pytest.approx(5 * 10.0 - 2.5)
    assert seconds_left(Run(tmp_path, "running", step=1, labels=10, budget=100)) is None
    assert [about(seconds) for seconds in (0.2, 40, 130, 7300, 200_000)] == [
        "about 1 s", "about 40 s", "about 2 min", "about 2 h", "about 2 days",
    ]  # fmt: skip
