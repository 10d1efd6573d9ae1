"""Chart of the scores of pool and picks as histograms, strategy by strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, shown_strategies, specification, tooltip, with_slider
from alrun.report.charts.style import Spec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["score_histograms"]

#: Bars of all numbers of labels together; with more, numbers in between are left out.
MOST_BARS = 4000


def score_histograms(bins: pd.DataFrame, strategies: Sequence[str], name: str) -> Chart:
    """Return how the scores of the pool and of the picks are distributed; a slider goes through the labels."""
    data = _thinned(bins)
    color: Spec = {
        "field": "of", "type": "nominal", "legend": {"title": None, "orient": "top"},
        "scale": {"domain": ["pool", "picks"], "range": ["#999999", "#5566AA"]},
    }  # fmt: skip
    axis = {"scale": {"zero": False, "nice": False}, "axis": {"tickCount": 5}}
    shares = {"tickCount": 3, "format": "%"}
    encoding: Spec = {
        "x": {"field": "start", "type": "quantitative", "title": "score", "bin": "binned", **axis},
        "x2": {"field": "end"},
        "y": {"field": "share", "type": "quantitative", "title": None, "stack": None, "axis": shares},
        "color": color,
        "tooltip": tooltip(
            ("strategy", "strategy", ""), ("of", "of the", ""), ("start", "from", ".4g"), ("end", "below", ".4g"),
            ("share", "share", ".1%"), ("labels", "labels", "d"),
        ),
    }  # fmt: skip
    each: Spec = {"width": 500, "height": 80, "mark": {"type": "bar", "opacity": 0.7}, "encoding": encoding}
    chosen: Sequence[Spec] = [shown_strategies(), {"filter": "datum.labels === labels"}]
    rows = {"row": {"field": "strategy", "title": None, "sort": list(strategies), "header": {"labelAngle": 0}}}
    resolve = {"scale": {"x": "independent", "y": "independent"}}
    spec = specification(data, strategies, transform=chosen, facet=rows, resolve=resolve, spec=each)
    del spec["width"], spec["height"]
    counts = with_slider(spec, data)
    caption = (
        "Distribution of the acquisition scores of the whole pool, and of the batch that was picked from it, all seeds "
        "together, in the units of each strategy's own score. Shares are of the pool, and of the picks."
    )
    return Chart(name, "Histograms of scores", caption, spec | {"usermeta": {"labels": counts}}, data)


def _thinned(bins: pd.DataFrame) -> pd.DataFrame:
    counts = sorted(set(bins["labels"]))
    step = -(-len(bins) // MOST_BARS)
    return bins[bins["labels"].isin(counts[::-1][::step])]
