"""Standings over all experiments: the penalty matrix, mean ranks, and the critical difference."""

from __future__ import annotations

from alrun.report.charts.chart import Chart, interval_layers, rows, shown_strategies, specification, tooltip
from alrun.report.charts.style import Spec, strategy_color
from alrun.report.study import Study

__all__ = ["critical_differences", "mean_ranks", "penalty_matrix"]


def penalty_matrix(study: Study, name: str) -> Chart:
    """Return the penalty matrix as a heat map with its numbers."""
    data = study.penalties
    experiments = max(1, len(study.conditions))
    axes: Spec = {
        "x": {"field": "worse", "type": "nominal", "title": "is worse", "axis": {"labelAngle": -40}},
        "y": {"field": "better", "type": "nominal", "title": "is better"},
    }
    scale = {"domain": [0, experiments], "range": ["#f2f5f9", "#08519c"]}
    shown = tooltip(
        ("better", "better", ""), ("worse", "worse", ""), ("penalty", "penalty", ".3f"),
        ("penalty_holm", "with Holm", ".3f"),
    )  # fmt: skip
    color = {"field": "penalty", "type": "quantitative", "scale": scale, "legend": None}
    ink = {"condition": {"test": f"datum.penalty > {experiments / 2}", "value": "#ffffff"}, "value": "#1a1a1a"}
    text = {"field": "penalty", "type": "quantitative", "format": ".2f"}
    hidden = [shown_strategies("better"), shown_strategies("worse")]
    layers = [
        {"transform": hidden, "mark": "rect", "encoding": axes | {"color": color, "tooltip": shown}},
        {"transform": hidden, "mark": {"type": "text", "aria": False}, "encoding": axes | {"text": text, "color": ink}},
    ]
    spec = specification(data, study.strategies, layer=layers, height=34 * len(study.strategies))
    caption = (
        "How often the row is significantly better than the column: the share of the numbers of labels at which a "
        f"paired t-test at the 5 % level says so, summed over {experiments} experiment{'s' * (experiments > 1)}. "
        "A good strategy has a light column (Ash et al. 2020)."
    )
    return Chart(name, f"{study.metric}: pairwise penalties", caption, spec, data)


def mean_ranks(study: Study, name: str) -> Chart:
    """Return the mean rank of each strategy with its interval."""
    data = study.ranks
    shared = {
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": list(data["strategy"])},
        "color": strategy_color(study.strategies, study.baseline) | {"legend": None},
    }
    x: Spec = {"type": "quantitative", "title": "mean rank (1 is best)", "scale": {"zero": False}}
    shown = tooltip(
        ("strategy", "strategy", ""), ("rank", "mean rank", ".2f"), ("low", "95 % from", ".2f"), ("high", "to", ".2f"),
        ("blocks", "experiments by seeds", "d"),
    )  # fmt: skip
    layers = interval_layers(x, "rank", shared, shown)
    spec = specification(data, study.strategies, layer=layers, height=26 * len(study.strategies))
    caption = "Mean rank of the area under the curve over experiments and seeds, with 95 % bootstrap intervals."
    return Chart(name, f"{study.metric}: ranks", caption, spec, data)


def critical_differences(study: Study, name: str) -> Chart:
    """Return the critical-difference diagram: strategies at their mean ranks, bars over those that do not differ."""
    data = study.critical.drop(columns="cliques")
    ranks = study.critical.set_index("strategy")["rank"]
    cliques = study.critical.explode("cliques").dropna(subset=["cliques"]).groupby("cliques")["strategy"].agg(list)
    bars = [
        {"from": float(ranks[members].min()), "to": float(ranks[members].max()), "row": number}
        for number, members in enumerate(cliques)
    ]
    x: Spec = {"type": "quantitative", "scale": {"zero": False, "padding": 20}, "title": "mean rank (1 is best)"}
    encoding = {
        "x": x | {"field": "rank"},
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": list(ranks.index)},
        "color": strategy_color(study.strategies, study.baseline) | {"legend": None},
        "tooltip": tooltip(("strategy", "strategy", ""), ("rank", "mean rank", ".2f")),
    }
    point = {"type": "point", "size": 70}
    points = {"transform": [shown_strategies()], "mark": point, "height": 24 * len(ranks), "encoding": encoding}
    joined = {
        "data": {"values": bars},
        "mark": {"type": "rule", "strokeWidth": 5, "color": "#888888"},
        "height": 12 * len(bars),
        "encoding": {"x": x | {"field": "from", "axis": None}, "x2": {"field": "to"},
                     "y": {"field": "row", "type": "ordinal", "axis": None}},
    }  # fmt: skip
    spec = specification(data, study.strategies, vconcat=[points, *([joined] if bars else [])])
    spec["resolve"] = {"scale": {"x": "shared"}}
    del spec["width"], spec["height"]
    for part in spec["vconcat"]:
        part["width"] = 480
    first = study.critical.iloc[0]
    caption = (
        f"Mean ranks over {len(study.conditions)} data sets. Strategies under one grey bar do not differ at the 5 % "
        f"level (Nemenyi; critical difference {first['difference']:.2f}; Friedman's test of all: p = {first['p']:.2g})."
    )
    spec["data"]["values"] = rows(data)
    return Chart(name, f"{study.metric}: critical differences", caption, spec, data)
