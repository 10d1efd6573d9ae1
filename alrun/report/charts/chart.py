"""A chart: its specification, and what it says in words and numbers for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.report.charts.style import Spec, chart_config

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Chart", "interval_layers", "rows", "shown_strategies", "specification", "tooltip", "with_slider"]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        name: Of its files.
        title: What it shows.
        caption: How to read it: what the marks are, which intervals, over what.
        spec: The Vega-Lite specification, with its data.
        data: The numbers in it, one row a mark, for the table beside it.
    """

    name: str
    title: str
    caption: str
    spec: Spec
    data: pd.DataFrame


def specification(data: pd.DataFrame, strategies: Sequence[str], **parts: Any) -> Spec:
    """Return a specification whose strategies can be hidden through the parameter ``shown``."""
    return {
        "$schema": SCHEMA,
        "width": 560,
        "height": 320,
        "config": dict(chart_config()),
        "params": [{"name": "shown", "value": list(strategies)}],
        "data": {"values": rows(data)},
        **parts,
    }


def shown_strategies(field: str = "strategy") -> Spec:
    """Return the transformation that leaves out what is hidden."""
    return {"filter": f"indexof(shown, datum[{field!r}]) >= 0"}


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``table`` for JSON: six digits, ``None`` where a number is undefined."""
    import math

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.6g}") if math.isfinite(value) else None
        return value

    return [{str(key): cell(value) for key, value in row.items()} for row in table.to_dict("records")]


def tooltip(*fields: tuple[str, str, str]) -> list[Spec]:
    """Return the tooltip of ``fields``, each a field, its title and its number format (empty for text)."""
    return [
        {"field": field, "title": title} | ({"type": "quantitative", "format": form} if form else {"type": "nominal"})
        for field, title, form in fields
    ]


def interval_layers(x: Spec, center: str, shared: Spec, shown: list[Spec]) -> list[Spec]:
    """Return a bar from ``low`` to ``high`` and a dot at ``center``; ``shared`` are the channels of both."""
    bar = shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}}
    dot = shared | {"x": x | {"field": center}, "tooltip": shown}
    return [
        {"transform": [shown_strategies()], "mark": {"type": "rule", "strokeWidth": 2, "aria": False}, "encoding": bar},
        {"transform": [shown_strategies()], "mark": {"type": "point", "size": 70}, "encoding": dot},
    ]


def with_slider(spec: Spec, data: pd.DataFrame) -> list[int]:
    """Add the parameter ``labels`` to ``spec``, at its last value; return all of its values."""
    counts = sorted(int(n) for n in set(data["labels"]))
    spec["params"].append({"name": "labels", "value": counts[-1]})
    return counts
