"""The report on one run, or on several, as a page, which trackers keep beside metrics."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from alrun.report.runs import Run, read_run

__all__ = ["run_report", "runs_report"]


def run_report(directory: Path) -> bytes | None:
    """Return the page of the run in ``directory``; nothing where what draws it is not installed.

    Raises:
        ConfigError: The run has recorded no metric to report on.
    """
    run = read_run(directory)
    return _page([run], f"Active learning: {run.name}", run.path.name)


def runs_report(runs: Sequence[Run]) -> bytes | None:
    """Return the page of several runs; nothing where what draws it is not installed.

    Raises:
        ConfigError: The runs have recorded no metric to report on.
    """
    names = ", ".join(sorted({run.name for run in runs}))
    return _page(runs, f"Active learning: {names}", f"{len(runs)} runs")


def _page(runs: Sequence[Run], title: str, subtitle: str) -> bytes | None:
    if not (find_spec("vl_convert") and find_spec("jinja2")):
        return None
    from alrun.report.choice import choose_baseline, choose_metric
    from alrun.report.document import sections
    from alrun.report.load import load_records
    from alrun.report.material import gather
    from alrun.report.page.page import page
    from alrun.report.study import study_metric

    records = load_records(runs).distinct()
    metric = choose_metric(records, None)
    baseline = choose_baseline(set(records.frame(metric)["query"]), None)
    study = study_metric(records, metric, baseline)
    return page(title, subtitle, sections(gather(records, study, runs)), study)
