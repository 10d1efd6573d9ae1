"""Runs as trackers see them: steps from the rows of the records, config as stored, flattened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alrun.config.identity import identity_of
from alrun.core.knobs import Knob, iterate_terms
from alrun.core.settings import Config
from alrun.core.tracking import Point, TrackedRun
from alrun.store.rundir import RunDirectory

__all__ = ["NAME", "MeasuredSteps", "flattened", "stored_rows", "tracked_run"]

#: What the name of an experiment can be; ``run.json`` of a received run may hold anything.
NAME = next(term for key, term in iterate_terms(Config) if key == "name" and isinstance(term, Knob))
Rows = Sequence[Mapping[str, Any]]


def tracked_run(
    directory: RunDirectory, info: Mapping[str, Any], config: Mapping[str, Any], points: Sequence[Point]
) -> TrackedRun:
    """Return the run in ``directory``.

    Args:
        directory: Where it lies.
        info: Its ``run.json``.
        config: Its config, with references to secrets in place of their values.
        points: Its steps, as many as have been measured by now.
    """
    counting = identity_of(config)
    parent = directory.path.parent
    return TrackedRun(
        directory=directory.path,
        folder=parent.parent if parent.name == info["name"] else parent,
        name=info["name"] if info["name"] and NAME.admits(info["name"]) else "alrun",
        identity=info["identity"],
        seed=info["seed"],
        choices={group: option for group, option in info["choices"].items() if isinstance(option, str) and option},
        config=flattened(counting),
        settings=flattened({key: value for key, value in config.items() if key not in counting}),
        tags=info["tags"],
        notes=info["notes"],
        points=points,
        status=info["status"],
        reason=info["reason"] or "",
    )


class MeasuredSteps:
    """The steps of a run that have been measured, as its records grow: each row is looked at once.

    A metric is called ``strategy/split/metric``, its split left out where it has none; where a step has several values
    of it, or another metric has that name already, ``#2`` and so on are added. When a step was measured is told by its
    commit; a step without one is still being measured, and left out unless the run is whole.
    """

    def __init__(self, checkpoints: Path) -> None:
        """Begin without steps; ``checkpoints`` has the commits."""
        self._checkpoints = checkpoints
        self._rows: Rows = ()
        self._start_over()

    def _start_over(self) -> None:
        self._read = 0
        self._names: dict[tuple[Any, ...], str] = {}
        self._taken: set[str] = set()
        self._points: dict[int, Point] = {}
        self._open: dict[int, _Open] = {}

    def of(self, rows: Rows, *, whole: bool) -> list[Point]:
        """Return the steps of ``rows``, of ``records.parquet``, in order; those that were returned before stay.

        Args:
            rows: As many as there are by now: the sequence that was given last, grown, or another one.
            whole: Whether no row is to come.
        """
        if rows is not self._rows or len(rows) < self._read:
            self._start_over()
        self._rows = rows
        for number in range(self._read, len(rows)):
            self._add(rows[number])
        self._read = len(rows)
        for step in list(self._open):
            time = _measured(self._checkpoints, step)
            if whole or time:
                found = self._open.pop(step)
                self._points[step] = Point(step, found.labels, time, found.values)
        return list(self._points.values())

    def _add(self, row: Mapping[str, Any]) -> None:
        step, metric = row["step"], (row["strategy"], row["split"], row["metric"])
        found = self._open.setdefault(step, _Open())
        found.seen[metric] += 1
        found.values[self._name((*metric, found.seen[metric]))] = row["value"]
        found.labels = row["labels"]

    def _name(self, metric: tuple[str, str, str, int]) -> str:
        """Return the name of a metric, which no other has."""
        if metric not in self._names:
            plain = "/".join(part for part in metric[:3] if part)
            number = metric[3]
            name = plain if number == 1 else f"{plain}#{number}"
            while name in self._taken:
                number += 1
                name = f"{plain}#{number}"
            self._names[metric] = name
            self._taken.add(name)
        return self._names[metric]


@dataclass
class _Open:
    """A step that is still being measured: how often each metric was seen, and their values by name."""

    labels: int = 0
    seen: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    values: dict[str, float] = field(default_factory=dict)


def _measured(checkpoints: Path, step: int) -> float:
    """Return when a step was measured, in seconds since 1970, to the millisecond; 0 where nothing tells."""
    try:
        return round((checkpoints / f"step_{step}" / "metrology" / "MANIFEST.json").lstat().st_mtime, 3)
    except OSError:
        return 0.0


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, str | float | None]:
    """Return ``config`` with dotted keys; lists, and mappings without keys, as JSON."""
    flat: dict[str, str | float | None] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, str | int | float):
            flat[f"{prefix}{key}"] = value
        else:
            flat[f"{prefix}{key}"] = json.dumps(value, default=str)
    return flat


def stored_rows(directory: RunDirectory, info: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the rows of the records of a run that is not being run; of one that was killed, from its commits.

    Raises:
        StoreError: They cannot be read.
    """
    if info.get("head") and info.get("projections"):
        from alrun.store.records import read_records

        rows: list[dict[str, Any]] = read_records(directory.records).to_pylist()
        return rows
    from alrun.driver.audit import LedgerAudit
    from alrun.store.audit import read_chain, read_labels

    return LedgerAudit(read_chain(directory), read_labels(directory), reset=info["reset"]).ledger.records
