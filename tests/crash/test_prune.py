"""Pruning on request: what resuming needs stays, whatever is damaged and wherever it dies; so does every label."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from crash_bench import run  # type: ignore[import-not-found]
from test_retention import WARM, WEIGHTS, state, steps_with_weights  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.runner.prune import prune_weights, remove_set_aside, set_aside_runs
from alrun.runner.verify import verify
from alrun.store.lock import RunLock
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash

MORE = "budget=15"


def prune(place: Path, *flags: str) -> int:
    return main(["prune", str(place), *flags])


@pytest.mark.parametrize(
    ("words", "flag", "kept"),
    [((), "--weights", [3]), (WARM, "--weights", [2, 3]), ((), "--all-weights", []), (WARM, "--all-weights", [])],
    ids=["scratch", "warm", "all of scratch", "all of warm"],
)
def test_the_run_is_sound_and_goes_on_to_the_same_end(
    words: tuple[str, ...],
    flag: str,
    kept: list[int],
    copied: Callable[..., Path],
    finished: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = copied(*words)
    before = state(place)
    assert prune(place, flag) == 0
    assert steps_with_weights(place) == [1, 2, 3], "without --yes nothing is removed"
    assert f"{flag} --yes" in capsys.readouterr().out
    assert prune(place, flag, "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert steps_with_weights(place) == kept
    assert [int(step) for step in told["runs"][0]["needless"]] == [step for step in (1, 2, 3) if step not in kept]
    assert told["removed"] == sum(told["runs"][0]["needless"].values()) > 0
    assert state(place) == before
    assert verify(place).holds
    run(place, *words, MORE)
    assert state(place) == state(finished(*words, MORE))
    assert verify(place).holds


def test_what_is_newer_than_the_newest_that_hold_stays(copied: Callable[..., Path]) -> None:
    place = copied()
    (place / WEIGHTS.format(3)).write_bytes(b"damaged")
    assert prune(place, "--weights", "--yes") == 0
    assert steps_with_weights(place) == [2, 3]
    for step in (1, 2, 3):
        (place / WEIGHTS.format(step)).write_bytes(b"damaged")
    assert prune(place, "--all-weights", "--yes") == 0
    assert steps_with_weights(place) == [1, 2, 3]


@pytest.mark.parametrize("every", [False, True], ids=["needless", "all"])
def test_death_while_pruning(every: bool, copied: Callable[..., Path], finished: Callable[..., Path]) -> None:
    whole = copied()
    with Faults(whole) as watch:
        prune_weights(RunDirectory(whole), every=every)
    for point in range(watch.count):
        place = copied()
        with suppress(SimulatedCrash), Faults(place, Crash(point, half=point % 2 == 1)):
            prune_weights(RunDirectory(place), every=every)
        assert verify(place).holds, watch.trace[point]
        prune_weights(RunDirectory(place), every=every)
        assert steps_with_weights(place) == steps_with_weights(whole)
        assert state(place) == state(whole)
    run(whole, MORE)
    assert state(whole) == state(finished(MORE))


def test_a_run_that_is_being_run_is_left_alone(copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = copied()
    with RunLock(place):
        assert prune(place, "--weights", "--yes") == 1
    assert str(os.getpid()) in capsys.readouterr().out
    assert steps_with_weights(place) == [1, 2, 3]


def test_a_run_that_was_set_aside_goes_when_its_labels_are_in_the_one_in_its_place(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    assert main(["rerun", str(place)]) == 0
    aside = place.with_name("run.aside-1")
    assert prune(place, "--set-aside") == prune(place, "--weights", "--yes") == 0
    assert aside.exists()
    assert prune(place, "--set-aside", "--yes") == 0
    assert [path.name for path in place.parent.iterdir()] == ["run"]
    assert verify(place).holds


def test_labels_that_are_nowhere_else_stay(copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = copied()
    run(place, "fresh=true", "budget=3")
    assert prune(place.parent, "--set-aside", "--yes") == 0
    assert "kept: 6 labels that it bought are nowhere else" in " ".join(capsys.readouterr().out.split())
    assert place.with_name("run.aside-1").exists()


def test_death_while_a_run_that_was_set_aside_is_removed(copied: Callable[..., Path]) -> None:
    def prepared() -> Path:
        place = copied()
        assert main(["rerun", str(place)]) == 0
        return place

    whole = prepared()
    with Faults(whole.parent) as watch:
        remove_set_aside(set_aside_runs([whole])[0])
    points = [*range(0, 12, 2), *range(12, watch.count, max(1, watch.count // 5))]
    for point in points:
        place = prepared()
        before = verify(place.with_name("run.aside-1"))
        with suppress(SimulatedCrash), Faults(place.parent, Crash(point)):
            remove_set_aside(set_aside_runs([place])[0])
        aside = place.with_name("run.aside-1")
        assert not aside.exists() or verify(aside).commits == before.commits, watch.trace[point]
        assert prune(place, "--set-aside", "--yes") == 0
        assert [path.name for path in place.parent.iterdir()] == ["run"]
