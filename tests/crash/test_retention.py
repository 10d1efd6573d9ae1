"""Weights that are pruned are not missed: not at the end, not after a crash, not after damage to what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from crash_bench import digests, run  # type: ignore[import-not-found]
from test_damage import unfinish  # type: ignore[import-not-found]

from alrun.testing.faults import Crash, Faults, SimulatedCrash

WEIGHTS = "checkpoints/step_{}/training/weights.safetensors"
WARM = ("seed=1", "training.reset=warm")
LAST = "checkpoint.keep=last"


def steps_with_weights(place: Path) -> list[int]:
    return [step for step in range(9) if (place / WEIGHTS.format(step)).exists()]


def state(place: Path) -> Mapping[str, str]:
    """Return the digests of all that stays whatever is pruned."""
    return {name: digest for name, digest in digests(place).items() if "weights" not in name}


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ((), [1, 2, 3]),
        ((LAST,), [3]),
        (("checkpoint.keep=every:2",), [2, 3]),
        ((*WARM, LAST), [2, 3]),
        ((*WARM, "checkpoint.keep=every:3", "budget=15"), [3, 4, 5]),
    ],
    ids=["all", "last", "every", "warm", "warm, every"],
)
def test_what_stays(
    words: tuple[str, ...], kept: list[int], fresh: Callable[[], Path], finished: Callable[..., Path]
) -> None:
    place = fresh()
    run(place, *words)
    assert steps_with_weights(place) == kept
    plain = finished(*(word for word in words if not word.startswith("checkpoint")))
    assert state(place) == state(plain)
    assert all(
        (place / WEIGHTS.format(step)).read_bytes() == (plain / WEIGHTS.format(step)).read_bytes() for step in kept
    )


@pytest.mark.parametrize("words", [(LAST,), (*WARM, LAST)], ids=["scratch", "warm"])
def test_a_larger_budget_goes_on_from_the_newest(
    words: tuple[str, ...], fresh: Callable[[], Path], finished: Callable[..., Path]
) -> None:
    place, more = fresh(), "budget=15"
    run(place, *words)
    run(place, *words, more)
    assert state(place) == state(finished(*words[:-1], more))
    assert not (place / "alrun.log").exists(), "something was ignored"


@pytest.mark.parametrize("words", [(LAST,), (*WARM, LAST)], ids=["scratch", "warm"])
@pytest.mark.parametrize("lost", [1, 2], ids=["newest", "all"])
def test_what_is_left_may_be_damaged(
    words: tuple[str, ...], lost: int, fresh: Callable[[], Path], finished: Callable[..., Path]
) -> None:
    place = fresh()
    run(place, *words)
    for step in steps_with_weights(place)[-lost:]:
        (place / WEIGHTS.format(step)).write_bytes(b"damaged")
    unfinish(place)
    outcome = run(place, *words)
    assert outcome.info["status"] == "finished"
    expected = finished(*words[:-1])
    assert state(place) == state(expected)
    assert (place / WEIGHTS.format(3)).read_bytes() == (expected / WEIGHTS.format(3)).read_bytes()


def test_weights_without_a_mark_are_lost_not_pruned(fresh: Callable[[], Path]) -> None:
    place = fresh()
    run(place, "training.reset=warm")
    (place / WEIGHTS.format(3)).unlink()
    unfinish(place)
    run(place, "training.reset=warm")
    assert "step 3 training ignored" in (place / "alrun.log").read_text()


@pytest.mark.parametrize("half", [False, True])
def test_death_while_pruning(half: bool, fresh: Callable[[], Path], finished: Callable[..., Path]) -> None:
    words = (LAST, "budget=6")
    place = fresh()
    with Faults(place) as watch:
        run(place, *words)
    expected, kept = state(finished("budget=6")), steps_with_weights(place)
    points = [
        point for point, (_, path) in enumerate(watch.trace) if "weights.pruned" in path or "weights.safe" in path
    ]
    removals = [
        point for point, (name, path) in enumerate(watch.trace) if name == "unlink" and path.endswith("tensors")
    ]
    assert removals
    for point in sorted({*points[-12:], *removals}):
        place = fresh()
        with Faults(place, Crash(point, half=half)), suppress(SimulatedCrash):
            run(place, *words)
        assert run(place, *words).info["status"] == "finished"
        assert state(place) == expected, point
        assert steps_with_weights(place) == kept, point
