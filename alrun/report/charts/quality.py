"""Charts of a learner's quality beyond one number: reliability diagram, and recall of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, shown_strategies, specification, tooltip, with_slider
from alrun.report.charts.style import Spec, strategy_color
from alrun.report.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_recall", "reliability_diagram"]

AT = {"filter": "datum.labels === labels"}


def reliability_diagram(curves: pd.DataFrame, study: Study, name: str) -> Chart:
    """Return how often the learner is right against how sure it is; a slider goes through the labels."""
    shown = tooltip(
        ("strategy", "strategy", ""), ("confidence", "confidence", ".1%"), ("correct", "correct", ".1%"),
        ("share", "of the rows", ".1%"), ("labels", "labels", "d"),
    )  # fmt: skip
    scale = {"domain": [0, 1]}
    x: Spec = {"field": "confidence", "type": "quantitative", "title": "confidence", "scale": scale}
    y: Spec = {"field": "correct", "type": "quantitative", "title": "correct", "scale": scale}
    color = strategy_color(study.strategies, study.baseline)
    encoding = {"x": x, "y": y, "color": color}
    line = {"mark": {"type": "line", "aria": False}, "encoding": encoding}
    size = {"field": "share", "type": "quantitative", "legend": None, "scale": {"range": [10, 200]}}
    dots = {"mark": "point", "encoding": encoding | {"size": size, "tooltip": shown}}
    even = {"mark": {"type": "line", "strokeDash": [4, 4], "color": "#888888"}, "encoding": {"x": x, "y": y}}
    ideal = {"data": {"values": [{"confidence": 0, "correct": 0}, {"confidence": 1, "correct": 1}]}} | even
    layers = [ideal, *({"transform": [shown_strategies(), AT]} | one for one in (line, dots))]
    spec = specification(curves, study.strategies, layer=layers)
    counts = with_slider(spec, curves)
    caption = (
        "Share of correct predictions against their mean probability, in bins, pooled over seeds; on the dashed line "
        "the learner is as sure as it should be. Dots grow with the rows in a bin."
    )
    return Chart(name, "Reliability diagram", caption, spec | {"usermeta": {"labels": counts}}, curves)


def class_recall(recalls: pd.DataFrame, strategies: Sequence[str], name: str) -> Chart:
    """Return the recall of each class and strategy; a slider goes through the labels."""
    encoding: Spec = {
        "x": {"field": "class", "type": "nominal", "title": "class", "axis": {"labelAngle": 0}, "sort": None},
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": list(strategies)},
        "color": {"field": "recall", "type": "quantitative", "scale": {"scheme": "blues", "domain": [0, 1]},
                  "legend": {"title": "recall", "format": ".0%", "direction": "horizontal"}},
        "tooltip": tooltip(("strategy", "strategy", ""), ("class", "class", ""), ("recall", "recall", ".1%"),
                           ("labels", "labels", "d")),
    }  # fmt: skip
    parts: Spec = {"transform": [shown_strategies(), AT], "mark": "rect", "encoding": encoding}
    spec = specification(recalls, strategies, **parts, height=26 * len(strategies))
    counts = with_slider(spec, recalls)
    caption = "Share of the test rows of each class that are recognized as such, mean over seeds."
    return Chart(name, "Recall of each class", caption, spec | {"usermeta": {"labels": counts}}, recalls)
