"""The report on all runs of a sweep, handed on to the trackers that keep files: there it is a run of its own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.cli.run_report import runs_report
from alrun.config.targets import Trust
from alrun.core.showing import printable
from alrun.core.tracking import TrackedRun
from alrun.report.runs import Run, find_runs
from alrun.runner.tracked import NAME
from alrun.runner.trackers import named_trackers
from alrun.runner.tracking import REPORT, projected
from alrun.store.files import write_atomic

__all__ = ["keep_reports"]

#: Of one run there is a report of its own.
LEAST_RUNS = 2


def keep_reports(folders: Iterable[Path], config: Mapping[str, Any], trust: Trust) -> None:
    """Have the trackers of ``config`` keep a report on the finished runs of each folder, in place of an earlier one.

    A report that cannot be made, or a tracker that does not take it, is told of and ends nothing.
    """
    for folder in dict.fromkeys(folders):
        place = folder / "report"
        trackers = {name: one for name, one in named_trackers(config, trust, place).items() if one.keeps_files}
        runs = [run for run in find_runs([folder]) if run.status == "finished"] if trackers else []
        if len(runs) < LEAST_RUNS or place.is_symlink():
            continue
        try:
            page = runs_report(runs)
            if page is None:
                continue
            write_atomic(place / REPORT, page, durable=False)
        except Exception as error:
            _warn(f"there is no report on {folder} to hand on: {type(error).__name__}: {error}")
            continue
        for name, tracker in trackers.items():
            why = projected(tracker, _report_on(runs, place))
            tracker.close()
            if why is not None:
                _warn(f"{name} does not hold the report on {folder}: {why}")


def _report_on(runs: Sequence[Run], place: Path) -> TrackedRun:
    """Return the report in ``place`` as a run without steps, beside those that it is on."""
    folder, names = place.parent, {run.name for run in runs if run.name and NAME.admits(run.name)}
    name = min(names, default="alrun")
    return TrackedRun(
        directory=place,
        folder=folder.parent if folder.name == name else folder,
        name=name,
        identity=hashlib.sha256(f"report on {name}".encode()).hexdigest(),
        seed=0,
        notes=f"Report on {len(runs)} runs.",
        status="finished",
        files={REPORT: place / REPORT},
    )


def _warn(what: str) -> None:
    sys.stderr.write(f"warning: {printable(what)}\n")
