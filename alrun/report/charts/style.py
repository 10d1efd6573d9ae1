"""Colors, dashes and marks of strategies; fonts and sizes of charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "BASELINE_COLOR",
    "Spec",
    "chart_config",
    "strategy_color",
    "strategy_colors",
    "strategy_dash",
    "strategy_shape",
]

Spec = dict[str, Any]

BASELINE_COLOR = "#7a7a7a"
#: Colors that people with any kind of color vision tell apart (Okabe and Ito 2008; Tol 2021), on white and on black.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#AA4466", "#44AA99", "#999933", "#7766CC")
#: Dashes and marks tell strategies apart in print without color.
DASHES = ((1, 0), (6, 2), (2, 2), (6, 2, 2, 2), (10, 3), (1, 3))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def strategy_color(strategies: Sequence[str], baseline: str, field: str = "strategy") -> Spec:
    """Return the color channel; ``strategies`` in the order of ``Study.strategies``, the baseline grey."""
    return _channel(strategies, field, list(strategy_colors(strategies, baseline).values()))


def strategy_dash(strategies: Sequence[str]) -> Spec:
    """Return the dash channel."""
    return _channel(strategies, "strategy", [list(DASHES[i % len(DASHES)]) for i in range(len(strategies))])


def strategy_shape(strategies: Sequence[str]) -> Spec:
    """Return the shape channel."""
    return _channel(strategies, "strategy", [SHAPES[i % len(SHAPES)] for i in range(len(strategies))])


def strategy_colors(strategies: Sequence[str], baseline: str) -> dict[str, str]:
    """Return the color of each strategy, as CSS writes it, in the order of ``strategies``."""
    others = [name for name in strategies if name != baseline]
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(others)} | {baseline: BASELINE_COLOR}
    return {name: colors[name] for name in strategies}


def _channel(strategies: Sequence[str], field: str, values: Sequence[Any]) -> Spec:
    scale = {"domain": list(strategies), "range": list(values)}
    return {"field": field, "type": "nominal", "scale": scale, "legend": {"title": None}}


def chart_config() -> Mapping[str, Any]:
    """Return what all charts have in common: fonts that are embedded everywhere, one weight, quiet axes."""
    normal = {"titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 12}
    quiet = {"gridOpacity": 0.35, "domainColor": "#888", "tickColor": "#888"}
    legend = {"orient": "bottom", "columns": 6, "symbolSize": 80, "symbolOpacity": 1, "labelLimit": 220}
    return {
        "background": "transparent",
        "view": {"stroke": None},
        "font": "Liberation Sans, Arial, Helvetica, sans-serif",
        "axis": normal | quiet | {"tickCount": 6, "labelSeparation": 6},
        "legend": normal | legend | {"titleLimit": 400, "gradientLength": 260},
        "header": normal | {"labelFontSize": 12},
        "title": {"fontWeight": "normal", "fontSize": 13, "anchor": "start"},
        "line": {"strokeWidth": 2},
        "point": {"size": 34, "filled": True, "opacity": 1},
    }
