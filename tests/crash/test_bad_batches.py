"""R13 under strategies that misbehave: what was paid is written down, exactly, and nothing sound is bought again.

The default suite takes a sample of kinds, ways of handing over, places and deaths; ``ALRUN_ALL_POINTS=1`` takes all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from bad_batches import (  # type: ignore[import-not-found]
    KINDS,
    PRICE,
    REQUESTS,
    WAYS,
    Books,
    Hands,
    Raises,
    Till,
    labelled,
    lines,
    phase,
)

from alrun.core.errors import AlrunError
from alrun.testing.faults import Crash, Faults, SimulatedCrash

EVERY_POINT = bool(os.environ.get("ALRUN_ALL_POINTS"))
CASES = list(product(WAYS, KINDS, range(REQUESTS)))


def settled(books: Books, till: Till, lost: int = 0) -> None:
    """Check that the run says what the till says, but for ``lost`` sales that a death has cut off."""
    sold = [price for _, price in till.sales]
    assert len(books.lines) == len(sold) - lost
    assert books.paid == PRICE * len(books.lines)
    assert sum(row["cost"] for row in books.rows) == books.paid
    asked = [row for row in books.rows if row["order"] >= 0]
    assert [row["status"] for row in asked] == ["labelled"] * REQUESTS
    assert len(set(labelled(books.lines))) == len(labelled(books.lines)) == REQUESTS, "bought twice"


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_answer_costs_itself_alone(way: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if case[0] == way]
    for number, (_, kind, at) in enumerate(cases if EVERY_POINT else cases[list(WAYS).index(way) :: 6]):
        place, till = tmp_path / f"{number}" / "run", Till(tmp_path / f"{number} till")
        place.parent.mkdir()
        with pytest.raises(AlrunError):
            phase(place, WAYS[way](till, KINDS[kind], at))
        found, sold = lines(place), len(till.sales)
        assert len(found) == sold, (kind, at, [line.reason for line in found])
        assert len(labelled(found)) == REQUESTS - (kind in REPLACING), (kind, at)
        settled(phase(place, Hands(till, None)), till)
        assert len(till.sales) == sold + (kind in REPLACING), (kind, at)


#: Kinds in which a request goes without its answer.
REPLACING = set(KINDS) - {"not asked", "not asked, strange", "a point not asked", "a second answer"}


def test_a_strategy_that_falls_over_at_the_end_has_answered(tmp_path: Path) -> None:
    till = Till(tmp_path / "till")
    with pytest.raises(AlrunError, match="and then it fell over"):
        phase(tmp_path / "run", Raises(till, None))
    settled(phase(tmp_path / "run", Raises(till, None)), till)
    assert len(till.sales) == REQUESTS


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("threads", "late")])
def test_deaths_among_bad_answers(way: str, tmp_path: Path) -> None:
    cases = [case for case in CASES if case[0] == way]
    for number, (_, kind, at) in enumerate(cases if EVERY_POINT else cases[list(WAYS).index(way) :: 24]):
        count = _points(tmp_path / f"{number} counted", WAYS[way], kind, at)
        for point in range(0, count, 1 if EVERY_POINT else 6):
            _die(tmp_path / f"{number} {point}", WAYS[way], kind, at, Crash(point, point % 2 == 1, point % 3 == 2))


def _points(place: Path, way: Any, kind: str, at: int) -> int:
    place.mkdir()
    with Faults(place / "run") as watch, suppress(AlrunError):
        phase(place / "run", way(Till(place / "till"), KINDS[kind], at))
    return watch.count


def _die(place: Path, way: Any, kind: str, at: int, crash: Crash) -> None:
    place.mkdir()
    run, till = place / "run", Till(place / "till")
    with suppress(SimulatedCrash, AlrunError), Faults(run, crash):
        phase(run, way(till, KINDS[kind], at))
    before = lines(run)
    lost = len(till.sales) - len(before)
    assert 0 <= lost <= REQUESTS + 2, "more is lost than was in hand"
    with suppress(AlrunError):
        phase(run, way(till, KINDS[kind], at))
    assert len(lines(run)) == len(till.sales) - lost, "what was handed over is not written down"
    assert lines(run)[: len(before)] == before
    settled(phase(run, Hands(till, None)), till, lost)
