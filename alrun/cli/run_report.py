"""The report on one run as a page, which trackers keep beside its metrics."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

__all__ = ["run_report"]


def run_report(directory: Path) -> bytes | None:
    """Return the page of the run in ``directory``; nothing where what draws it is not installed.

    Raises:
        ConfigError: The run has recorded no metric to report on.
    """
    if not (find_spec("vl_convert") and find_spec("jinja2")):
        return None
    from alrun.report.choice import choose_baseline, choose_metric
    from alrun.report.document import sections
    from alrun.report.load import load_records
    from alrun.report.material import gather
    from alrun.report.page.page import page
    from alrun.report.runs import read_run
    from alrun.report.study import study_metric

    runs = [read_run(directory)]
    records = load_records(runs)
    metric = choose_metric(records, None)
    baseline = choose_baseline(set(records.frame(metric)["query"]), None)
    study = study_metric(records, metric, baseline)
    return page(f"Active learning: {runs[0].name}", runs[0].path.name, sections(gather(records, study, runs)), study)
