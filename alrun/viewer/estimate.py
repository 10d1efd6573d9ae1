"""Estimates of the time that runs and sweeps have left, from the seconds that their phases took."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from alrun.core.errors import StoreError
from alrun.report.runs import Run
from alrun.store.reading import Most, read_bytes

__all__ = ["about", "seconds_left", "seconds_taken"]

#: Steps that the next ones are taken to be like.
LAST = 3
MOST_SECONDS = 1e9


def seconds_left(run: Run) -> float | None:
    """Return about how long ``run`` will take; ``None`` before it has completed a step with training."""
    by_step: dict[int, float] = defaultdict(float)
    for step, seconds in _phases(run):
        by_step[step] += seconds
    whole = [by_step[step] for step in sorted(by_step) if 0 < step < run.step]
    if not whole or run.labels <= 0 or run.budget <= run.labels:
        return None
    a_step = run.labels / (run.step + 1)
    steps = math.ceil((run.budget - run.labels) / a_step) + 1
    recent = whole[-LAST:]
    left = steps * sum(recent) / len(recent) - by_step.get(run.step, 0.0)
    return min(max(left, 0.0), MOST_SECONDS)


def seconds_taken(run: Run) -> float:
    """Return the seconds that the phases of ``run`` took."""
    return sum(seconds for _, seconds in _phases(run))


def about(seconds: float) -> str:
    """Return a duration for people: ``about 40 s``, ``about 5 min``, ``about 3 h``, ``about 2 days``."""
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {max(1, round(seconds))} s"


def _phases(run: Run) -> Sequence[tuple[int, float]]:
    """Return step and seconds of each line of ``timing.csv`` that holds them."""
    try:
        text = read_bytes(run.path / "timing.csv", Most.DESCRIPTION).decode(errors="replace")
    except StoreError:
        return []
    found = []
    for line in text.splitlines()[1:]:
        step, _, rest = line.partition(",")
        try:
            row = int(step[:18]), float(rest.rpartition(",")[2])
        except ValueError:
            continue
        if 0 <= row[1] <= MOST_SECONDS:
            found.append(row)
    return found
