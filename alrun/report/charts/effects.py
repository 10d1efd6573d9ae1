"""Effects of a strategy against the baseline: differences of areas, and labels saved."""

from __future__ import annotations

from alrun.report.charts.chart import Chart, interval_layers, shown_strategies, specification, tooltip
from alrun.report.charts.style import Spec, strategy_color
from alrun.report.study import Study

__all__ = ["area_differences", "savings_curves"]


def area_differences(study: Study, condition: str, name: str) -> Chart:
    """Return the mean paired difference of areas of each strategy with its interval."""
    data = study.differences[study.differences["condition"] == condition].drop(columns="condition")
    by_size = list(data.sort_values("mean", ascending=study.higher_is_better is False)["strategy"])
    shared = {
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": by_size},
        "color": strategy_color(study.strategies, study.baseline) | {"legend": None},
    }
    x: Spec = {"type": "quantitative", "title": f"area minus that of {study.baseline}"}
    shown = tooltip(
        ("strategy", "strategy", ""), ("mean", "difference", "+.4f"), ("low", "95 % from", "+.4f"),
        ("high", "to", "+.4f"), ("t_holm", "p (t, Holm)", ".3g"), ("wilcoxon_holm", "p (Wilcoxon, Holm)", ".3g"),
        ("effect", "effect size d", ".2f"), ("n", "pairs", "d"),
    )  # fmt: skip
    zero = {"mark": {"type": "rule", "color": "#888888"}, "encoding": {"x": x | {"field": "zero"}}}
    layers = [{"data": {"values": [{"zero": 0}]}} | zero, *interval_layers(x, "mean", shared, shown)]
    spec = specification(data, study.strategies, layer=layers, height=26 * len(study.strategies))
    caption = (
        f"Mean difference of the area under the {study.metric} curve to {study.baseline}, seed by seed, with its 95 % "
        "interval. An interval that leaves out zero is a difference at the 5 % level before correction."
    )
    return Chart(name, f"{study.metric}: paired differences to {study.baseline}", caption, spec, data)


def savings_curves(study: Study, condition: str, name: str) -> Chart:
    """Return the share of labels that each strategy saves, at each number of labels of the baseline."""
    data = study.savings[study.savings["condition"] == condition].drop(columns="condition")
    color = strategy_color(study.strategies, study.baseline)
    scale = {"zero": False, "nice": False}
    x = {"field": "labels", "type": "quantitative", "title": f"labels of {study.baseline}", "scale": scale}
    y: Spec = {"type": "quantitative", "title": "labels saved", "axis": {"format": "+.0%"}}
    shown = tooltip(
        ("strategy", "strategy", ""), ("labels", f"labels of {study.baseline}", "d"), ("level", study.metric, ".4f"),
        ("saving", "saved", "+.1%"), ("low", "95 % from", "+.1%"), ("high", "to", "+.1%"),
        ("reached", "reached in", ".0%"),
    )  # fmt: skip
    band = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": color}
    line = {"x": x, "y": y | {"field": "saving"}, "color": color, "tooltip": shown}
    known = [shown_strategies(), {"filter": "isValid(datum.saving)"}]
    layers = [
        {"transform": known, "mark": {"type": "area", "opacity": 0.12, "aria": False}, "encoding": band},
        {"transform": known, "mark": {"type": "line", "point": True}, "encoding": line},
    ]
    caption = (
        f"Share of the labels that a strategy does without to reach the {study.metric} that {study.baseline} reaches "
        "with that many; below zero it needs more. Mean curves over seeds, 95 % bootstrap intervals over pairs of "
        "seeds. Where a level is never reached the curve has a gap."
    )
    spec = specification(data, study.strategies, layer=layers, height=260)
    return Chart(name, f"{study.metric}: labels saved against {study.baseline}", caption, spec, data)
