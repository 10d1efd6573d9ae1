"""Bits flipped, files cut and files gone in the tree of a finished run: noticed, said, and repaired from what is left.

``ALRUN_DAMAGES=500`` damages so many places.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

import pandas as pd
import pytest
from crash_bench import digests, run  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.store.rundir import RunDirectory

MORE = "budget=12"
KINDS = ("flip", "flip", "cut", "gone")


def results(place: Path) -> Mapping[str, Any]:
    """Return what a user takes from a run: both tables, and the weights and history of the last step."""
    last = max(int(path.name.removeprefix("step_")) for path in place.glob("checkpoints/step_*"))
    return {name: digest for name, digest in digests(place).items() if "step_" not in name or f"step_{last}/" in name}


def unfinish(place: Path) -> None:
    """Have the run look as if it had been killed at the end."""
    directory = RunDirectory(place)
    directory.write_info({**directory.info(), "status": "running"})


def damage(path: Path, kind: str, rng: random.Random) -> str:
    data = bytearray(path.read_bytes())
    where = rng.randrange(len(data))
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(data[:where])
    else:
        data[where] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    return f"{kind} {path.name} at {where}"


@pytest.mark.parametrize(
    "words", [(), ("seed=1", "training.reset=warm", "learner.dropout=0.2")], ids=["scratch", "warm"]
)
def test_damage_is_noticed_and_repaired(
    words: tuple[str, ...], copied: Callable[..., Path], finished: Callable[..., Path]
) -> None:
    expected, further = results(finished(*words)), results(finished(*words, MORE))
    rng = random.Random(len(words))  # noqa: S311
    for number in range(int(os.environ.get("ALRUN_DAMAGES", 12))):
        place = copied(*words)
        files = sorted(
            path for folder in ("checkpoints", "labels") for path in (place / folder).rglob("*.*") if path.is_file()
        )
        path = rng.choice(files)
        what = f"{number}: {damage(path, KINDS[number % 4], rng)} of {path.parent.name}"
        raised = number % 2 == 1
        if not raised:
            unfinish(place)
        outcome = run(place, *words, *([MORE] if raised else []))
        assert outcome.info["status"] == "finished", (what, outcome.error)
        log = place / "alrun.log"
        said = log.read_text() if log.exists() else ""
        needless = path.name == "weights.safetensors" and not path.is_relative_to(place / "checkpoints" / "step_3")
        assert "ignored" in said or "cut off" in said or needless, what
        found = {name: digest for name, digest in results(place).items() if "labels" not in name}
        wanted = further if raised else expected
        assert found == {name: digest for name, digest in wanted.items() if "labels" not in name}, what
        assert answers(place) == answers(finished(*words, *([MORE] if raised else []))), what


def answers(place: Path) -> list[Any]:
    table = pd.read_parquet(place / "acquisitions.parquet")
    return [list(row) for row in table[["step", "order", "index", "label", "status"]].itertuples(index=False)]


@pytest.mark.parametrize(
    "folder", ["checkpoints", "labels", "checkpoints/step_0", "checkpoints/step_2", "checkpoints/step_2/query"]
)
def test_folders_that_are_gone(folder: str, copied: Callable[..., Path], finished: Callable[..., Path]) -> None:
    place = copied()
    rmtree(place / folder)
    unfinish(place)
    assert run(place).info["status"] == "finished"
    assert digests(place) == digests(finished())


def test_nothing_is_deleted_in_repairing(copied: Callable[..., Path]) -> None:
    place = copied()
    weights = place / "checkpoints/step_3/training/weights.safetensors"
    damaged = weights.read_bytes()[:-1]
    weights.write_bytes(damaged)
    unfinish(place)
    run(place)
    assert (place / "checkpoints/step_3/training.passed-over-1/weights.safetensors").read_bytes() == damaged
    said = (place / "alrun.log").read_text()
    assert "checkpoint step 3 training ignored" in said
    assert "size or SHA-256 differs" in said


def test_a_larger_budget_continues_and_keeps_the_prefix(
    copied: Callable[..., Path], finished: Callable[..., Path]
) -> None:
    place = copied()
    before = digests(place)
    outcome = run(place, MORE)
    assert outcome.info["labels"] == 12
    assert digests(place) == digests(finished(MORE))
    kept = {name: digest for name, digest in digests(place).items() if name.startswith("checkpoints")}
    assert {name: digest for name, digest in before.items() if name.startswith("checkpoints")}.items() <= kept.items()
    old, new = (pd.read_parquet(path / "records.parquet") for path in (finished(), place))
    pd.testing.assert_frame_equal(new.head(len(old)), old)


def test_what_was_begun_afresh_is_not_set_aside_when_it_goes_on(copied: Callable[..., Path]) -> None:
    place = copied()
    run(place, "fresh=true")
    (aside,) = place.parent.glob("run.aside-*")
    assert main(["resume", str(place), "budget=12"]) == 0
    assert list(place.parent.glob("run.aside-*")) == [aside]
    assert RunDirectory(place).info()["labels"] == 12


def test_a_finished_run_answers_without_writing(copied: Callable[..., Path]) -> None:
    place = copied()
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}
    assert run(place).answered
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()} == before
