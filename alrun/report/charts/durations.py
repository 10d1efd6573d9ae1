"""Seconds of each phase, and their chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.report.charts.chart import Chart, shown_strategies, specification, tooltip
from alrun.report.charts.style import Spec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["phase_seconds", "phase_times"]

PHASES = ("training", "metrology", "query", "labeling", "data_integration")
COLORS = ("#0072B2", "#56B4E9", "#D55E00", "#999933", "#BBBBBB")


def phase_seconds(timing: pd.DataFrame) -> pd.DataFrame:
    """Return ``strategy``, ``phase``, ``seconds``: of a whole run, mean over the runs of a strategy.

    ``timing`` has columns ``run``, ``query``, ``phase`` and ``seconds``.
    """
    whole = timing.groupby(["query", "run", "phase"], sort=False)["seconds"].sum()
    mean = whole.groupby(level=["query", "phase"]).mean().reset_index()
    return mean.rename(columns={"query": "strategy"}).sort_values(["strategy", "phase"], ignore_index=True)


def phase_times(seconds: pd.DataFrame, strategies: Sequence[str], name: str) -> Chart:
    """Return the seconds of each phase as stacked bars, one a strategy."""
    order = {phase: place for place, phase in enumerate(PHASES)}
    data = seconds.assign(place=seconds["phase"].map(order).fillna(len(PHASES)))
    color = {
        "field": "phase",
        "type": "nominal",
        "scale": {"domain": list(PHASES), "range": list(COLORS)},
        "legend": {"title": None},
    }
    encoding: Spec = {
        "x": {"field": "seconds", "type": "quantitative", "title": "seconds per run", "stack": True},
        "y": {"field": "strategy", "type": "nominal", "title": None, "sort": list(strategies)},
        "color": color,
        "order": {"field": "place", "type": "quantitative"},
        "tooltip": tooltip(("strategy", "strategy", ""), ("phase", "phase", ""), ("seconds", "seconds", ".2f")),
    }
    transform = [shown_strategies()]
    spec = specification(
        data, strategies, transform=transform, mark="bar", encoding=encoding, height=26 * len(strategies)
    )
    caption = (
        "Wall-clock seconds of a run by phase, mean over the runs of a strategy; querying is what a strategy costs."
    )
    return Chart(name, "Where the time went", caption, spec, seconds)
