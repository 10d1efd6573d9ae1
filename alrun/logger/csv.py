"""Metrics as a CSV table in the run directory, one row per step."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from alrun.core.showing import exported
from alrun.core.tracking import Point, TrackedRun, Tracker
from alrun.store.mirror import Mirror

__all__ = ["CSV"]


class CSV(Tracker):
    """Keeps ``csv/metrics.csv`` in the run directory: ``step``, ``labels``, and a column per metric.

    Values have all digits; ``nan``, ``inf`` and ``-inf`` are written so, and a metric that was not measured in a step
    is left empty. A name that a spreadsheet would take for a formula begins with ``'``.
    """

    def __init__(self) -> None:
        """Write nothing yet."""
        self._mirror: Mirror | None = None
        self._columns: dict[str, None] = {}
        self._held = 0

    def project(self, run: TrackedRun) -> None:
        """Bring the file to hold the steps of ``run``: new rows are added, a new column rewrites it."""
        if not run.points:
            return
        if self._mirror is None:
            self._mirror = Mirror(run.directory / "csv" / "metrics.csv")
        new = run.points[self._held :]
        columns = self._columns | dict.fromkeys(name for point in new for name in point.values)
        known = self._held > 0 and len(columns) == len(self._columns)
        if not (known and self._mirror.add(_rows(new, columns))):
            heading = _lines([["step", "labels", *map(exported, columns)]])
            self._mirror.hold(heading + _rows(run.points, columns))
        self._columns, self._held = columns, len(run.points)

    def close(self) -> None:
        """Look at the file anew the next time."""
        self._mirror, self._columns, self._held = None, {}, 0


def _rows(points: Iterable[Point], columns: Iterable[str]) -> bytes:
    return _lines([point.step, point.labels, *_cells(point, columns)] for point in points)


def _cells(point: Point, columns: Iterable[str]) -> Iterator[str]:
    return (repr(point.values[name]) if name in point.values else "" for name in columns)


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
