"""Runs as trackers see them: steps from the rows of the records, config as stored, flattened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.config.identity import identity_of
from alrun.core.knobs import Knob, iterate_terms
from alrun.core.settings import Config
from alrun.core.tracking import Point, TrackedRun
from alrun.store.rundir import RunDirectory

__all__ = ["flattened", "points_of", "stored_rows", "tracked_run"]

#: What the name of an experiment can be; ``run.json`` of a received run may hold anything.
NAME = next(term for key, term in iterate_terms(Config) if key == "name" and isinstance(term, Knob))
Rows = Iterable[Mapping[str, Any]]


def tracked_run(directory: RunDirectory, info: Mapping[str, Any], config: Mapping[str, Any], rows: Rows) -> TrackedRun:
    """Return the run in ``directory``.

    Args:
        directory: Where it lies.
        info: Its ``run.json``.
        config: Its config, with references to secrets in place of their values.
        rows: Of its records, as many as there are by now.
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
        points=points_of(rows, directory.checkpoints, whole=info["status"] == "finished"),
        status=info["status"],
        reason=info["reason"] or "",
    )


def points_of(rows: Rows, checkpoints: Path, *, whole: bool) -> list[Point]:
    """Return the steps of ``rows``, of ``records.parquet``, in order.

    A metric is called ``strategy/split/metric``, its split left out where it has none; where a step has several values
    of it, or another metric has that name already, ``#2`` and so on are added. When a step was measured is told by its
    commit in ``checkpoints``; unless the run is ``whole``, a step without one is still being measured, and left out.
    """
    steps: dict[int, dict[str, float]] = {}
    labels: dict[int, int] = {}
    names: dict[tuple[Any, ...], str] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        step, metric = row["step"], (row["strategy"], row["split"], row["metric"])
        seen[(step, *metric)] += 1
        name = _name((*metric, seen[(step, *metric)]), names)
        steps.setdefault(step, {})[name] = row["value"]
        labels[step] = row["labels"]
    times = {step: _measured(checkpoints, step) for step in steps}
    measured = {step: values for step, values in steps.items() if whole or times[step]}
    return [Point(step, labels[step], times[step], values) for step, values in measured.items()]


def _name(metric: tuple[str, str, str, int], names: dict[tuple[Any, ...], str]) -> str:
    """Return the name of a metric, which no other has; ``names`` are those that are given already."""
    if metric not in names:
        plain = "/".join(part for part in metric[:3] if part)
        taken, number = set(names.values()), metric[3]
        name = plain if number == 1 else f"{plain}#{number}"
        while name in taken:
            number += 1
            name = f"{plain}#{number}"
        names[metric] = name
    return names[metric]


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
