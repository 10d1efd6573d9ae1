"""Metrics and config in trackio's local store: SQLite, read by ``trackio show``."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from alrun.core.tracking import Point, TrackedRun, Tracker, required

__all__ = ["Trackio"]


class Trackio(Tracker):
    """Keeps one run in trackio, in the project of the run's ``name``, under the name of its run directory.

    The store is in ``TRACKIO_DIR``; without it, in ``trackio/`` in the folder of all runs
    (``TRACKIO_DIR=outputs/trackio trackio show``). It is written to directly, in one transaction a step, and never to a
    Space or a server: ``trackio sync`` does that. The step is the active-learning step, ``labels`` a metric. Each
    step has an identifier of its own, of which trackio keeps the first; where it holds other values than the records
    do, the run is written anew.
    """

    def __init__(self) -> None:
        """Write nothing yet.

        Raises:
            ConfigError: trackio is not installed.
        """
        required("trackio", "trackio")
        self._store: Any = None
        self._sent = 0
        self._told: Mapping[str, Any] = {}

    def project(self, run: TrackedRun) -> None:
        """Write what trackio does not hold of ``run``."""
        if not run.points:
            return
        if self._store is None:
            self._open(run)
        config = {**run.config, **run.settings, "alrun.tags": list(run.tags), "alrun.notes": run.notes}
        config |= {
            "alrun.seed": run.seed,
            "alrun.identity": run.identity,
            "alrun.status": run.status,
            "_Group": run.name,
        }
        new = run.points[self._sent :]
        if new or config != self._told:
            points = new or run.points[-1:]
            self._store.bulk_log(
                run.name,
                run.title,
                [_row(point) for point in points],
                steps=[point.step for point in points],
                timestamps=[datetime.fromtimestamp(point.time, UTC).isoformat() for point in points],
                config=config,
                log_ids=[f"{run.key}-{point.step}" for point in points],
                run_id=run.key,
            )
        self._sent, self._told = len(run.points), config

    def close(self) -> None:
        """Look at what trackio holds the next time."""
        self._store, self._sent, self._told = None, 0, {}

    def _open(self, run: TrackedRun) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(run.folder.absolute() / "trackio"))
        from trackio.sqlite_storage import SQLiteStorage

        held = Counter(map(_told, SQLiteStorage.get_logs(run.name, run_id=run.key)))
        wanted = Counter(_told({"step": point.step, **_row(point)}) for point in run.points)
        if held - wanted:
            SQLiteStorage.delete_run(run.name, run.title, run_id=run.key)
        self._store = SQLiteStorage


def _row(point: Point) -> dict[str, float]:
    return {"labels": point.labels, **point.values}


def _told(log: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return a row of metrics as it can be compared."""
    plain = {name: value for name, value in log.items() if name != "timestamp"}
    return frozenset((name, "nan" if _is_nan(value) else repr(float(value))) for name, value in plain.items())


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
