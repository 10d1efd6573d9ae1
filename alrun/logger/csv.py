"""Metrics as a CSV table in the run directory, one row per step."""

from __future__ import annotations

import csv
from io import StringIO

from alrun.core.showing import exported
from alrun.core.tracking import TrackedRun, Tracker
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

    def project(self, run: TrackedRun) -> None:
        """Bring the file to hold the steps of ``run``."""
        if self._mirror is None:
            self._mirror = Mirror(run.directory / "csv" / "metrics.csv")
        if run.points:
            self._mirror.hold(_table(run))

    def close(self) -> None:
        """Look at the file anew the next time."""
        self._mirror = None


def _table(run: TrackedRun) -> bytes:
    names = list(dict.fromkeys(name for point in run.points for name in point.values))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "labels", *map(exported, names)])
    for point in run.points:
        values = (repr(point.values[name]) if name in point.values else "" for name in names)
        writer.writerow([point.step, point.labels, *values])
    return text.getvalue().encode()
