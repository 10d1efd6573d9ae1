"""Sweeps: the runs that share a folder, counted by status, with their best value."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.records import read_records
from alrun.store.sweep_jobs import noted_jobs
from alrun.viewer.index import Entry, Index, key_of

__all__ = ["STATES", "Best", "Directions", "Sweep", "best_of", "sweep_of", "sweeps_of"]

STATES = ("running", "finished", "interrupted", "failed", "unreadable")


@dataclass(frozen=True)
class Best:
    """The best strategy of a sweep.

    Attributes:
        metric: By which metric.
        value: Mean of its last values.
        strategy: Its query strategies.
        count: Over how many finished runs.
    """

    metric: str
    value: float
    strategy: str
    count: int


@dataclass(frozen=True)
class Sweep:
    """The runs in a folder.

    Attributes:
        key: Its name in addresses.
        folder: Where it lies below the root.
        entries: The runs, ordered by place.
        title: What it is called.
        place: Its directory.
    """

    key: str
    folder: str
    entries: Sequence[Entry]
    title: str
    place: Path

    @cached_property
    def waiting(self) -> int:
        """Number of runs that sweeps have asked for and that have not begun."""
        return len(noted_jobs(self.place) - {entry.run.path.name for entry in self.entries})

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of runs by status."""
        return Counter(entry.run.status for entry in self.entries)

    @property
    def changed(self) -> int:
        """When the last of its runs changed, in nanoseconds."""
        return max((entry.stamp[1] for entry in self.entries if entry.stamp), default=0)


def sweeps_of(index: Index) -> list[Sweep]:
    """Return the sweeps of ``index``, ordered by folder."""
    folders: dict[str, list[Entry]] = defaultdict(list)
    for entry in index.entries():
        folders[entry.folder].append(entry)
    return [sweep_of(index, one, folders[one]) for one in sorted(folders)]


def sweep_of(index: Index, folder: str, entries: Sequence[Entry]) -> Sweep:
    """Return the sweep of the runs ``entries`` in ``folder``."""
    return Sweep(key_of(folder), folder, entries, index.title(folder), index.root / folder)


class Directions:
    """Directions of metrics, ``True`` where higher is better, as one run of a sweep has recorded them."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[tuple[str, str], bool | None] = {}

    def of(self, sweep: Sweep, metric: str) -> bool | None:
        """Return the direction of ``metric`` in ``sweep``; ``None`` where it has none, or none is known."""
        key = (sweep.folder, metric)
        if key not in self._known:
            measured = [entry for entry in sweep.entries if metric in entry.run.metrics]
            for entry in measured[:1]:
                self._known[key] = _direction(entry, metric)
        return self._known.get(key)


def _direction(entry: Entry, metric: str) -> bool | None:
    import pyarrow.compute as pc

    try:
        table = read_records(entry.run.path / "records.parquet", ("metric", "higher_is_better"))
        found = table.filter(pc.equal(table["metric"], metric))["higher_is_better"].drop_null()
    except (StoreError, ValueError):
        return None
    return bool(found[0].as_py()) if len(found) else None


def best_of(sweep: Sweep, directions: Directions) -> Best | None:
    """Return the strategy with the best mean of finished runs; ``None`` where there is none, or nothing is better.

    Strategies are compared by the metric of most runs. Runs of equal choices and seed differ in something else, and
    stand for themselves.
    """
    finished = [entry.run for entry in sweep.entries if entry.run.status == "finished" and entry.run.metrics]
    names = Counter(next(iter(run.metrics)) for run in finished)
    if not names:
        return None
    metric = names.most_common(1)[0][0]
    better = directions.of(sweep, metric)
    groups: dict[tuple[str, ...], dict[int, float]] = defaultdict(dict)
    for number, run in enumerate(finished):
        value = run.metrics.get(metric, math.nan)
        if math.isfinite(value):
            alike = (run.choices.get("query", ""), *(f"{k}={v}" for k, v in sorted(run.choices.items())), run.reset)
            is_double = run.seed in groups[alike]
            groups[(*alike, str(number)) if is_double else alike][run.seed] = value
    means = [
        Best(metric, sum(seeds.values()) / len(seeds), key[0], len(seeds)) for key, seeds in groups.items() if seeds
    ]
    if better is None or not means:
        return None
    return (max if better else min)(means, key=lambda best: best.value)
