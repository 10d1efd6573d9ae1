"""Standing of a sweep: how many of its runs have come to which state, and about how long the rest takes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alrun.report.runs import Run
from alrun.store.sweep_jobs import noted_jobs

__all__ = ["NOT_BEGUN", "Pace", "Standing", "not_begun", "standing"]

NOT_BEGUN = "not begun"
#: States in the order in which they are told.
ORDER = ("finished", "running", "interrupted", "failed", "unreadable", NOT_BEGUN)
#: Seconds over which a pace is measured.
RECENT = 600.0


@dataclass(frozen=True)
class Standing:
    """State of several runs.

    Attributes:
        counts: Runs by state, ``not begun`` among them.
        labels: Labels bought, of those that are on their way or done; a finished run counts with its whole budget.
        left: Labels that runs which go on, or begin later, can still buy.
    """

    counts: Mapping[str, int]
    labels: int
    left: int

    def __str__(self) -> str:
        """Return it in words: ``30 runs: 12 finished, 2 running, 16 not begun``."""
        total = sum(self.counts.values())
        told = ", ".join(f"{self.counts[state]} {state}" for state in ORDER if self.counts.get(state))
        return f"{total} run{'s' * (total != 1)}: {told}"


def standing(runs: Sequence[Run], waiting: int = 0) -> Standing:
    """Return the state of ``runs``, and of ``waiting`` runs that have not begun."""
    counts = Counter(run.status for run in runs)
    if waiting:
        counts[NOT_BEGUN] = waiting
    known = [run.budget for run in runs if run.budget]
    each = sum(known) / len(known) if known else 0.0
    bought = sum(run.budget if run.status == "finished" else min(run.labels, run.budget) for run in runs)
    rest = sum(max(0, run.budget - run.labels) for run in runs if run.status == "running")
    return Standing(counts, bought, rest + round(waiting * each))


def not_begun(runs: Sequence[Run], directory: Path) -> list[Path]:
    """Return the directories of runs that sweeps at or below ``directory`` have asked for and that are not there."""
    places = {run.path for run in runs}
    folders = ({path.parent for path in places} | {directory}) - {directory.parent} - places
    return sorted(folder / name for folder in folders for name in noted_jobs(folder) if folder / name not in places)


@dataclass
class Pace:
    """Labels per second over the last minutes, as they are observed."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def seconds_left(self, now: float, state: Standing) -> float | None:
        """Take in ``state`` at ``now``, in seconds; return about how long the rest takes, ``None`` while unknown."""
        self.seen.append((now, state.labels))
        while self.seen[0][0] < now - RECENT and len(self.seen) > 2:
            self.seen.popleft()
        (began, first), (_, last) = self.seen[0], self.seen[-1]
        if last <= first or now <= began or not state.counts.get("running"):
            return None
        return state.left * (now - began) / (last - first)
