"""The process dies, or the disk refuses, at every point at which a whole run writes something.

The default suite takes an even sample of the points; ``ALRUN_ALL_POINTS=1`` takes every one (some minutes).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from crash_bench import digests, run, temporaries  # type: ignore[import-not-found]

from alrun.core.errors import AlrunError, ConfigError, StoreError
from alrun.runner.outcome import Outcome
from alrun.testing.faults import Crash, Faults, Refuse, SimulatedCrash

EVERY_POINT = bool(os.environ.get("ALRUN_ALL_POINTS"))
#: Cleaning up: whatever it is that cannot be removed was not needed for the result.
CLEANING = {"unlink", "rmdir", "ftruncate"}


def points(fresh: Callable[[], Path], sample: int, offset: int, *words: str) -> list[int]:
    place = fresh()
    with Faults(place.parent) as watch:
        run(place, *words)
    assert watch.count >= 200
    return list(range(watch.count)) if EVERY_POINT else list(range(offset, watch.count, watch.count // sample))


@pytest.mark.parametrize(
    ("kind", "sample", "words"),
    [
        (partial(Crash), 6, ()),
        (partial(Crash, half=True), 5, ()),
        (partial(Crash, lose_unsynced=True), 6, ()),
        (partial(Crash, half=True, lose_unsynced=True), 5, ("seed=1", "training.checkpoint_every=1")),
    ],
    ids=["before the call", "half way", "power cut", "power cut half way, with checkpoints inside training"],
)
def test_a_death_at_any_point_changes_nothing(
    kind: Callable[..., Crash],
    sample: int,
    words: tuple[str, ...],
    fresh: Callable[[], Path],
    finished: Callable[..., Path],
) -> None:
    expected = digests(finished(*words))
    for point in points(fresh, sample, len(words), *words):
        place = fresh()
        with pytest.raises(SimulatedCrash), Faults(place.parent, kind(point=point)):
            run(place, *words)
        outcome = run(place, *words)
        assert outcome.info["status"] == "finished", (point, outcome.error)
        assert digests(place) == expected, point
        assert not temporaries(place), point


@pytest.mark.parametrize(
    ("number", "once", "sample", "said"),
    [
        (errno.ENOSPC, False, 5, "no space left on the device"),
        (errno.EIO, True, 5, "Input/output error"),
        (errno.EACCES, True, 4, "permission denied"),
        (errno.EROFS, False, 4, "read-only file system"),
    ],
    ids=["disk full", "input/output error", "no permission", "read-only"],
)
def test_a_disk_that_refuses_ends_the_run_and_harms_nothing(
    number: int, once: bool, sample: int, said: str, fresh: Callable[[], Path], finished: Callable[..., Path]
) -> None:
    expected = digests(finished())
    for point in points(fresh, sample, number % 3):
        place = fresh()
        with Faults(place.parent, Refuse(point, number, once=once)) as faults:
            error = ended_by(place)
        if error is None:
            assert is_harmless(*faults.trace[point]), faults.trace[point]
        else:
            # The folders that the run lies in are flushed too.
            assert any(f"{folder}" in str(error) for folder in (place, *place.parents[:3])), (
                faults.trace[point],
                error,
            )
            assert said.lower() in str(error).lower(), (faults.trace[point], error)
            began = (place / "run.json").exists()
            assert isinstance(error, StoreError if began else StoreError | ConfigError) or is_folder(
                *faults.trace[point]
            )
        assert not temporaries(place), faults.trace[point]
        outcome = run(place)
        assert outcome.info["status"] == "finished", (faults.trace[point], outcome.error)
        assert digests(place) == expected, faults.trace[point]


def is_folder(name: str, path: str) -> bool:
    """Return whether a call makes the folder of a strategy, which the protocol does and not the store."""
    return name == "mkdir" and "checkpoints" not in path


def is_harmless(name: str, path: str) -> bool:
    """Return whether the refusal of a call may go unheard: it tidies up, or makes what is there."""
    return name in CLEANING or (name == "mkdir" and Path(path).is_dir())


def ended_by(place: Path) -> AlrunError | None:
    try:
        outcome: Outcome = run(place)
    except AlrunError as error:
        return error
    return outcome.error


def test_the_message_names_bytes(fresh: Callable[[], Path]) -> None:
    place = fresh()
    with Faults(place.parent) as watch:
        run(place)
    writes = [point for point, (name, path) in enumerate(watch.trace) if name == "write" and "MANIFEST" in path]
    place = fresh()
    with Faults(place.parent, Refuse(writes[3], errno.ENOSPC)):
        error = ended_by(place)
    assert error is not None
    assert "bytes): no space left on the device" in str(error)
    assert "type the same command again" in str(error)
