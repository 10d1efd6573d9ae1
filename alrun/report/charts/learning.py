"""Learning curves against labels: mean and interval of each strategy, single seeds, and the ceiling."""

from __future__ import annotations

from typing import Any

from alrun.report.charts.chart import Chart, rows, shown_strategies, specification, tooltip
from alrun.report.charts.style import Spec, strategy_color, strategy_dash, strategy_shape
from alrun.report.study import Study

__all__ = ["learning_curves"]


def learning_curves(study: Study, condition: str, name: str) -> Chart:
    """Return the learning curves of one condition; single seeds show where the parameter ``seeds`` is true."""
    curves = study.curves[study.curves["condition"] == condition].drop(columns="condition")
    points = study.points[study.points["condition"] == condition].drop(columns=["condition", "run"])
    ceiling = study.ceilings[study.ceilings["condition"] == condition]["value"]
    color = strategy_color(study.strategies, study.baseline)
    x = {"field": "labels", "type": "quantitative", "title": study.axis, "scale": {"zero": False, "nice": False}}
    layers: list[Spec] = [_band(x, color), _seeds(x, color, points), *_mean(study, x, color)]
    if len(ceiling):
        layers.append(_ceiling(float(ceiling.mean())))
    spec = specification(curves, study.strategies, layer=layers)
    spec["params"].append({"name": "seeds", "value": False})
    n = sorted(set(curves["n"]))
    seeds = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}" if n else "no"
    against = "the number of labels" if study.axis == "labels" else f"the {study.axis}"
    caption = (
        f"Mean {study.metric} over {seeds} seeds against {against}; bands are 95 % intervals of the mean."
        + (f" {study.baseline} is the baseline." if study.baseline else "")
        + (" The dashed line is the learner trained on all labels." if len(ceiling) else "")
    )
    title = "learning curves" if study.axis == "labels" else f"learning curves against {study.axis}"
    return Chart(name, f"{study.metric}{_arrow(study)}: {title}", caption, spec, curves)


def _arrow(study: Study) -> str:
    return {True: " (higher is better)", False: " (lower is better)", None: ""}[study.higher_is_better]


def _y(field: str, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}


def _band(x: Spec, color: Spec) -> Spec:
    encoding = {"x": x, "y": _y("low", ""), "y2": {"field": "high"}, "color": color}
    mark = {"type": "area", "opacity": 0.15, "aria": False}
    return {"transform": [shown_strategies(), {"filter": "isValid(datum.low)"}], "mark": mark, "encoding": encoding}


def _seeds(x: Spec, color: Spec, points: Any) -> Spec:
    return {
        "data": {"values": rows(points)},
        "transform": [shown_strategies(), {"filter": "seeds"}],
        "mark": {"type": "line", "opacity": 0.35, "strokeWidth": 1, "aria": False},
        "encoding": {"x": x, "y": _y("value", ""), "color": color, "detail": {"field": "seed", "type": "nominal"}},
    }


def _mean(study: Study, x: Spec, color: Spec) -> list[Spec]:
    shown = tooltip(
        ("strategy", "strategy", ""), ("labels", study.axis, ".6~g"), ("mean", study.metric, ".4f"),
        ("low", "95 % from", ".4f"), ("high", "to", ".4f"), ("n", "seeds", "d"),
    )  # fmt: skip
    encoding = {"x": x, "y": _y("mean", study.metric), "color": color}
    dash = encoding | {"strokeDash": strategy_dash(study.strategies)}
    shape = encoding | {"shape": strategy_shape(study.strategies), "tooltip": shown}
    hidden = [shown_strategies()]
    return [
        {"transform": hidden, "mark": {"type": "line", "aria": False}, "encoding": dash},
        {"transform": hidden, "mark": "point", "encoding": shape},
    ]


def _ceiling(height: float) -> Spec:
    shown = [{"field": "mean", "type": "quantitative", "title": "ceiling, all labels", "format": ".4f"}]
    return {
        "data": {"values": [{"mean": height}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#888888"},
        "encoding": {"y": {"field": "mean", "type": "quantitative"}, "tooltip": shown},
    }
