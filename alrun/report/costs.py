"""Learning curves against cost: a study whose curves have what was paid in place of the number of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alrun.report import comparisons
from alrun.report.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["against_cost"]

#: Costs at which curves are averaged, evenly spread over those that all runs of a condition come to.
POINTS = 31
RUN = ["condition", "strategy", "seed"]


def against_cost(study: Study, picks: pd.DataFrame) -> Study | None:
    """Return ``study`` with points and curves against cost; ``None`` where every label costs one, or nothing is known.

    Args:
        study: One metric, against labels.
        picks: Acquisitions of the runs: columns ``run``, ``step``, ``label`` and ``cost``; what was paid for an answer
            that is no label counts.
    """
    if not len(picks) or not picks["cost"].notna().any():
        return None
    steps = picks.groupby(["run", "step"]).agg(labels=("label", "count"), cost=("cost", "sum"))
    paid = steps.groupby(level="run").cumsum().reset_index().drop(columns="step")
    if (paid["labels"] == paid["cost"]).all():
        return None
    points = study.points.merge(paid.drop_duplicates(["run", "labels"], keep="last"), on=["run", "labels"])
    if points.empty:
        return None
    costly = points.assign(labels=points["cost"]).drop(columns="cost")
    averaged = _on_grid(costly)
    curves = comparisons.mean_curves(averaged)
    return replace(study, axis="cost", points=costly, ceilings=study.ceilings.iloc[:0], curves=curves)


def _on_grid(points: pd.DataFrame) -> pd.DataFrame:
    """Return the curve of each run at costs that all runs of its condition come to."""
    import numpy as np
    import pandas as pd

    parts = [points.iloc[:0]]
    for _, group in points.groupby("condition", sort=False):
        ends = group.groupby(RUN)["labels"].agg(["min", "max"])
        grid = np.linspace(ends["min"].max(), ends["max"].min(), POINTS)
        for _, run in group.groupby(RUN, sort=False):
            ordered = run.sort_values("labels")
            values = np.interp(grid, ordered["labels"], ordered["value"])
            fixed = {name: ordered[name].iloc[0] for name in RUN}
            parts.append(pd.DataFrame({**fixed, "labels": grid, "value": values}))
    return pd.concat(parts, ignore_index=True)
