"""Summary of a run: one line of text, or curve and table as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from alrun.core.errors import AlrunError
from alrun.core.metrics import PREFERRED
from alrun.core.showing import printable
from alrun.report.runs import Run as Description

if TYPE_CHECKING:
    from alrun.api.run import Run

__all__ = ["run_html", "summary"]

#: Rows of a table; longer curves are thinned out, their last point stays.
MOST_ROWS = 12
#: Characters of a name or a reason.
MOST_TEXT = 300


def summary(run: Description) -> str:
    """Return status, labels and main metric of a run; what is not printable is written out."""
    if run.status == "unreadable":
        return printable(f"unreadable, {run.reason}", MOST_TEXT)
    name = next((name for name in (*PREFERRED, *run.metrics) if name in run.metrics), "")
    value = f", {printable(name, MOST_TEXT)} {run.metrics[name]:.4g}" if name else ""
    return f"{run.status}, {run.labels} of {run.budget} labels{value}"


def run_html(run: Run) -> str:
    """Return the learning curve of ``run``, and its latest metrics."""
    described = run.description
    parts = [f"<div><code>{_escaped(run.path.name)}</code><br>{_escaped(summary(described))}</div>"]
    try:
        parts.append(run.plot()._repr_html_())
    except AlrunError:
        parts.append(_curve_table(run))
    rows = ((name, f"{value:.4g}") for name, value in described.metrics.items() if not name.startswith("count_"))
    parts.append(_table(("metric", "latest"), rows))
    return "".join(parts)


def _curve_table(run: Run) -> str:
    """Return the curve as a table: where charts cannot be drawn; nothing where there is none."""
    try:
        curve = run.curve()
    except AlrunError:
        return ""
    every = -(-len(curve) // MOST_ROWS) or 1
    kept = curve.iloc[::-1].iloc[::every].iloc[::-1]
    return _table(("labels", "value"), ((str(int(labels)), f"{value:.4g}") for labels, value in kept.to_numpy()))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_escaped(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _escaped(text: str) -> str:
    return html.escape(printable(text, MOST_TEXT))
