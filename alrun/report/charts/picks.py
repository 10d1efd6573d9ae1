"""Charts of the samples picked: class balance, and overlap between strategies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, shown_strategies, specification, tooltip, with_slider
from alrun.report.charts.style import Spec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_balance", "pick_overlap"]


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
