"""Chart of the pool in two dimensions, with the samples that each strategy has bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, rows, shown_strategies, specification, tooltip, with_slider
from alrun.report.charts.style import Spec, strategy_color

if TYPE_CHECKING:
    from alrun.report.maps import PoolMaps

__all__ = ["pool_map"]


def pool_map(maps: PoolMaps, strategies: Sequence[str], baseline: str, name: str) -> Chart:
    """Return a sample of the pool, and on it what was bought up to the labels of the slider."""
    data = maps.picks.drop(columns="thumbnail")
    components = [f"component {n}, {share:.0%} of the variance" for n, share in enumerate(maps.explained, start=1)]
    titles = components or ["UMAP 1", "UMAP 2"]
    x: Spec = {"field": "x", "type": "quantitative", "title": titles[0], "scale": {"zero": False}}
    y: Spec = {"field": "y", "type": "quantitative", "title": titles[1], "scale": {"zero": False}}
    shown = tooltip(
        ("strategy", "strategy", ""), ("index", "row", "d"), ("step", "bought in step", "d"), ("labels", "labels", "d")
    )
    dot: Spec = {"type": "point", "filled": True, "size": 14, "color": "#999999", "opacity": 0.35, "aria": False}
    pool = {"data": {"values": rows(maps.pool)}, "mark": dot, "encoding": {"x": x, "y": y}}
    newest: Spec = {"condition": {"test": "datum.labels === labels", "value": 110}, "value": 40}
    encoding = {"x": x, "y": y, "color": strategy_color(strategies, baseline), "size": newest, "tooltip": shown}
    bought: Spec = {
        "transform": [shown_strategies(), {"filter": "datum.labels <= labels"}],
        "mark": {"type": "point", "filled": True, "opacity": 0.85},
        "encoding": encoding,
    }
    spec = specification(data, strategies, layer=[pool, bought], height=400)
    counts = with_slider(spec, data)
    cut = f"{len(maps.pool)} of the {maps.total} rows" if len(maps.pool) < maps.total else "all rows"
    where = "the first two principal components" if components else "a UMAP, whose distances mean little,"
    caption = f"Samples bought with seed {maps.seed}, the newest large, on {where} of the pool; grey are {cut} of it."
    return Chart(name, "Map of the pool", caption, spec | {"usermeta": {"labels": counts}}, data)
