"""Measurements and picks of a run so far, as sections of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.core.errors import AlrunError
from alrun.core.showing import printable
from alrun.report.curves import select_metric
from alrun.report.material import PARTS
from alrun.report.page.section import Section, TextTable, text_table
from alrun.report.runs import Run
from alrun.viewer.rendering import markup

if TYPE_CHECKING:
    import pandas as pd

    from alrun.report.stored import Stored

__all__ = ["DAMAGED", "MOST_METRICS", "measured_sections"]

#: Metrics with a chart of their own, and picks that are shown.
MOST_METRICS, MOST_PICKS = 24, 200
#: What reading a run that came from elsewhere may end in.
DAMAGED = (AlrunError, ArithmeticError, LookupError, TypeError, ValueError, MemoryError, RecursionError)


def measured_sections(run: Run) -> list[Section]:
    """Return curves, what the report says of a single run, and picks; or why that cannot be shown."""
    found: list[Section] = []
    for anchor, part in (("curves", _curves), ("reported", _reported), ("samples", _picks)):
        try:
            found += part(run)
        except DAMAGED as error:
            what = printable(f"Cannot be shown: {type(error).__name__}: {error}")
            found.append(Section(anchor, "Damaged", [what]))
    return found


def _curves(run: Run) -> list[Section]:
    from alrun.report.charts.metrics import metric_curve
    from alrun.report.results import records_of

    records = records_of([run])
    if not len(records):
        return [Section("curves", "Curves", ["Nothing has been measured yet."])]
    records = records.assign(run=0)
    names = [str(name) for name in dict.fromkeys(records["metric"]) if not str(name).startswith(PARTS)]
    charts = []
    for number, name in enumerate(names[:MOST_METRICS]):
        chosen = select_metric(records, name)
        chart = metric_curve(chosen[chosen["value"].abs() < float("inf")], printable(name, 100), f"metric_{number + 1}")
        charts.append(chart)
    more = len(names) - len(charts)
    said = [f"{more} more metrics are in records.parquet."] if more else []
    return [Section("curves", "Curves", said, charts=charts)]


def _reported(run: Run) -> list[Section]:
    from alrun.report.choice import choose_metric
    from alrun.report.document import sections_of_one
    from alrun.report.load import load_records
    from alrun.report.material import gather
    from alrun.report.study import study_metric

    records = load_records([run])
    if not records.runs or not records.metrics:
        return []
    study = study_metric(records, choose_metric(records, None), "")
    return sections_of_one(gather(records, study, [run], ranked=False))


def _picks(run: Run) -> list[Section]:
    from alrun.report.believed import beliefs
    from alrun.report.picked import score_ranks
    from alrun.report.results import picks_of
    from alrun.report.stored import stored_records

    picks = picks_of([run])
    if not len(picks):
        return []
    stored = stored_records(run)
    known = beliefs(stored)
    each = [known.get((step, row), ("", "")) for step, row in zip(picks["step"], picks["index"], strict=True)]
    believed = {"believed before": [before for before, _ in each], "after": [after for _, after in each]}
    names = [
        "step",
        "order",
        "index",
        "score",
        "rank",
        "strategy",
        "label",
        *believed,
        "cost",
        "seconds",
        "status",
        "task",
    ]
    ranks = score_ranks(picks).map(lambda rank: f"{rank:.0f}" if rank > 0 else "")
    table = picks.assign(rank=ranks, **believed)[names].iloc[::-1].head(MOST_PICKS)
    table = table.loc[:, [name for name in names if table[name].notna().any() and (table[name] != "").any()]]
    told = "Samples picked, the newest first; rank 1 has the highest score of its step"
    told += "; the learner believed in a class · gave the label a probability" if known else ""
    more = len(picks) - len(table)
    said = f"{told}." if not more else f"{told}: {len(table)}, and {more} before them in acquisitions.parquet."
    shown = _pictured(text_table(table, said), table, stored)
    return [Section("samples", "Samples picked", tables=[shown])]


def _pictured(shown: TextTable, table: pd.DataFrame, stored: Stored) -> TextTable:
    """Return the table with a picture of each sample, where the run has stored some."""
    from alrun.report.maps import pool_maps

    maps = pool_maps([0], [""], [stored])
    known = [] if maps is None else list(zip(maps.picks["index"], maps.picks["thumbnail"], strict=True))
    pictures = {index: text for index, text in known if text}
    if not pictures:
        return shown
    rows = [
        [_picture(pictures.get(index, ""), index), *row] for index, row in zip(table["index"], shown.rows, strict=True)
    ]
    return TextTable(shown.caption, ["sample", *shown.header], rows)


def _picture(text: str, index: object) -> str:
    """Return a picture that is given in base64."""
    return markup('<img class="sample" src="data:image/png;base64,{}" alt="row {}">', text, index) if text else ""
