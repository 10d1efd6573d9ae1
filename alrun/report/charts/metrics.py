"""Curves of a single run: one small chart for each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, specification, tooltip
from alrun.report.charts.style import COLORS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["metric_curve"]

HEIGHT = 170


def metric_curve(points: pd.DataFrame, metric: str, name: str) -> Chart:
    """Return the curve of ``metric`` of one run.

    Args:
        points: As ``curves.select_metric`` returns them, of one run.
        metric: The metric.
        name: Of the chart.
    """
    data = points[["labels", "value"]].reset_index(drop=True)
    directions = points["higher_is_better"].dropna()
    told = "" if not len(directions) else " (higher is better)" if directions.iloc[-1] else " (lower is better)"
    encoding = {
        "x": {"field": "labels", "type": "quantitative", "scale": {"zero": False, "nice": False}},
        "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
        "tooltip": tooltip(("labels", "labels", "d"), ("value", metric, ".5~g")),
    }
    layer = [
        {"mark": {"type": "line", "color": COLORS[0], "aria": False}},
        {"mark": {"type": "point", "color": COLORS[0]}},
    ]
    spec = specification(data, [], layer=layer, encoding=encoding, height=HEIGHT)
    return Chart(name, f"{metric}{told}", f"{metric} after each step, against the number of labels.", spec, data)
