"""Learning curves against cost or annotation time: a study whose curves have these in place of the number of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alrun.report import comparisons
from alrun.report.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["against_cost", "against_time"]

#: Costs or times at which curves are averaged, evenly spread over those that all runs of a condition come to.
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
    paid = _spent(picks, "cost")
    return None if (paid["labels"] == paid["spent"]).all() else _against(study, paid, "cost")


def against_time(study: Study, picks: pd.DataFrame) -> Study | None:
    """Return ``study`` with points and curves against annotation time in seconds.

    Args:
        study: One metric, against labels.
        picks: Acquisitions of the runs: columns ``run``, ``step``, ``label`` and ``seconds``.

    Returns:
        Nothing where the annotation time of a label is not known: a curve without it would be too far left.
    """
    labeled = picks[picks["label"].notna()] if len(picks) else picks
    if not len(labeled) or labeled["seconds"].isna().any():
        return None
    return _against(study, _spent(picks, "seconds"), "annotation time (s)")


def _spent(picks: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return of each step of a run the ``labels`` it had by then, and what was ``spent`` on them."""
    steps = picks.groupby(["run", "step"]).agg(labels=("label", "count"), spent=(column, "sum"))
    return steps.groupby(level="run").cumsum().reset_index().drop(columns="step")


def _against(study: Study, spent: pd.DataFrame, axis: str) -> Study | None:
    points = study.points.merge(spent.drop_duplicates(["run", "labels"], keep="last"), on=["run", "labels"])
    if points.empty:
        return None
    moved = points.assign(labels=points["spent"]).drop(columns="spent")
    curves = comparisons.mean_curves(_on_grid(moved))
    return replace(study, axis=axis, points=moved, ceilings=study.ceilings.iloc[:0], curves=curves)


def _on_grid(points: pd.DataFrame) -> pd.DataFrame:
    """Return the curve of each run at costs (or times) that all runs of its condition come to."""
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
