"""Charts of the samples picked: class balance, overlap between strategies, spread of a batch, and scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, shown_strategies, specification, tooltip, with_slider
from alrun.report.charts.style import Spec, strategy_color

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["batch_distances", "class_balance", "pick_overlap", "score_curves"]

NARROW: Spec = {"scale": {"zero": False}}
LABELS: Spec = {"field": "labels", "type": "quantitative", "title": "labels", "scale": {"zero": False, "nice": False}}


def class_balance(shares: pd.DataFrame, strategies: Sequence[str], baseline: str, name: str) -> Chart:
    """Return the share of each class among the labels, less what is expected; a slider goes through the labels."""
    data = shares.assign(excess=shares["share"] - shares["expected"])
    shown = tooltip(
        ("strategy", "strategy", ""), ("class", "class", ""), ("share", "among the labels", ".1%"),
        ("expected", "expected", ".1%"), ("labels", "labels", "d"),
    )  # fmt: skip
    expected = f"with {baseline}" if baseline else "in equal shares"
    limit = max(0.05, float(data["excess"].abs().max()))
    scale = {"domain": [-limit, 0, limit], "range": ["#b35806", "#f7f7f7", "#2166ac"]}
    legend = {"title": "share among the labels minus expected share", "format": "+.0%", "direction": "horizontal"}
    encoding: Spec = {
        "x": {"field": "class", "type": "nominal", "title": "class", "axis": {"labelAngle": 0}},
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": list(strategies)},
        "color": {"field": "excess", "type": "quantitative", "scale": scale, "legend": legend},
        "tooltip": shown,
    }
    chosen: Sequence[Spec] = [shown_strategies(), {"filter": "datum.labels === labels"}]
    spec = specification(
        data, strategies, transform=chosen, mark="rect", encoding=encoding, height=26 * len(strategies)
    )
    counts = with_slider(spec, data)
    caption = (
        f"How much more often than {expected} each class is among the labels so far, mean over seeds; blue is more "
        "often, brown less often."
    )
    return Chart(name, "Classes of the labels", caption, spec | {"usermeta": {"labels": counts}}, data)


def pick_overlap(overlap: pd.DataFrame, strategies: Sequence[str], name: str) -> Chart:
    """Return the Jaccard overlap of the picks of each pair of strategies, as a heat map with its numbers."""
    axes: Spec = {
        "x": {"field": "second", "type": "nominal", "title": None, "axis": {"labelAngle": -40}},
        "y": {"field": "first", "type": "nominal", "title": None},
    }
    scale = {"domain": [0, 1], "range": ["#f2f5f9", "#08519c"]}
    color = {"field": "jaccard", "type": "quantitative", "scale": scale, "legend": None}
    shown = tooltip(
        ("first", "one", ""), ("second", "other", ""), ("jaccard", "overlap", ".3f"), ("seeds", "seeds", "d")
    )
    ink = {"condition": {"test": "datum.jaccard > 0.5", "value": "#ffffff"}, "value": "#1a1a1a"}
    text = {"field": "jaccard", "type": "quantitative", "format": ".2f"}
    hidden = [shown_strategies("first"), shown_strategies("second")]
    layers = [
        {"transform": hidden, "mark": "rect", "encoding": axes | {"color": color, "tooltip": shown}},
        {"transform": hidden, "mark": {"type": "text", "aria": False}, "encoding": axes | {"text": text, "color": ink}},
    ]
    spec = specification(overlap, strategies, layer=layers, height=34 * len(strategies))
    caption = (
        "Share of the samples that both strategies picked among those that either picked (Jaccard), without the "
        "first labels, mean over seeds."
    )
    return Chart(name, "Overlap of what was picked", caption, spec, overlap)


def batch_distances(spread: pd.DataFrame, strategies: Sequence[str], baseline: str, name: str) -> Chart:
    """Return how far apart the samples of a batch are, over the labels."""
    shown = tooltip(
        ("strategy", "strategy", ""),
        ("labels", "labels", "d"),
        ("distance", "distance", ".4g"),
        ("seeds", "seeds", "d"),
    )
    encoding: Spec = {
        "x": LABELS,
        "y": {"field": "distance", "type": "quantitative", "title": "distance to the nearest other pick"} | NARROW,
        "color": strategy_color(strategies, baseline),
        "tooltip": shown,
    }
    mark: Spec = {"type": "line", "point": True}
    spec = specification(spread, strategies, transform=[shown_strategies()], mark=mark, encoding=encoding)
    caption = (
        "Mean distance from each sample of a batch to the nearest other of the batch, in the units of the inputs, mean "
        "over seeds: the lower, the more alike, and so redundant, are the samples."
    )
    return Chart(name, "Spread of a batch", caption, spec, spread)


def score_curves(scores: pd.DataFrame, strategies: Sequence[str], name: str) -> Chart:
    """Return the scores of what was picked against those of the pool, each strategy in its own units."""
    named = {"picks": "mean of the picks", "pool": "mean of the pool"}
    data = scores.rename(columns=named).melt(["strategy", "labels"], var_name="of", value_name="score")
    color = {
        "field": "of",
        "type": "nominal",
        "scale": {"domain": list(named.values()), "range": ["#5566AA", "#999999"]},
        "legend": {"title": None, "orient": "top"},
    }
    encoding: Spec = {
        "x": LABELS,
        "y": {"field": "score", "type": "quantitative", "title": None, "axis": {"tickCount": 3}} | NARROW,
        "color": color,
        "strokeDash": {"field": "of", "type": "nominal", "legend": None},
        "tooltip": tooltip(("strategy", "strategy", ""), ("of", "", ""), ("labels", "labels", "d"),
                           ("score", "score", ".4g")),
    }  # fmt: skip
    each: Spec = {"width": 500, "height": 80, "mark": {"type": "line", "point": True}, "encoding": encoding}
    rows = {"row": {"field": "strategy", "title": None, "sort": list(strategies), "header": {"labelAngle": 0}}}
    parts: Spec = {"transform": [shown_strategies()], "facet": rows, "resolve": {"scale": {"y": "independent"}}}
    spec = specification(data, strategies, **parts, spec=each)
    del spec["width"], spec["height"]
    caption = (
        "Mean acquisition score of each batch and of the whole pool it was picked from, mean over seeds; units are "
        "those of the strategy's own score. Where the two meet, the strategy no longer tells samples apart."
    )
    return Chart(name, "Scores of picks and pool", caption, spec, scores)
