"""Learning curves, their area, and paired differences: pure functions on tables of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["area", "areas", "learning_curves", "paired_differences", "select_metric", "summary"]

RUN = ("run", "seed")


def select_metric(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the records of ``metric``, one for each run and number of labels.

    Of several splits a run keeps the test split; of several steps at one number of labels (nothing was labeled in
    between) it keeps the last.
    """
    chosen = records[records["metric"] == metric]
    chosen = chosen.assign(other=chosen["split"] != "test").sort_values(["run", "other", "step"], kind="stable")
    chosen = chosen[chosen["split"] == chosen.groupby("run")["split"].transform("first")]
    return chosen.drop(columns="other").drop_duplicates(["run", "labels"], keep="last")


def summary(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return ``by``, ``n``, ``mean`` and ``se`` of column ``value``, one row per group, in order of appearance.

    ``se`` is the standard error of the mean, ``s / sqrt(n)`` with ``s`` of ``ddof=1``; ``NaN`` for one value.
    """
    grouped = table.groupby(list(by), sort=False, dropna=False)[value]
    return grouped.agg(n="count", mean="mean", se="sem").reset_index()


def learning_curves(records: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the learning curve of each group of runs: ``by``, ``labels``, ``n`` (runs), ``mean`` and ``se``.

    Args:
        records: As ``select_metric`` returns them.
        by: Columns that make a group; seeds are averaged over.
    """
    return summary(records, [*by, "labels"], "value").sort_values([*by, "labels"], ignore_index=True)


def area(labels: ArrayLike, values: ArrayLike, low: float, high: float) -> float:
    """Return the mean height of a learning curve between ``low`` and ``high`` labels, in units of ``values``.

    The trapezoid rule over the number of labels, divided by ``high - low``; the curve is straight between its points.
    Where ``low == high`` it is the value there. ``labels`` ascend and cover ``[low, high]``.
    """
    import numpy as np

    x, y = np.asarray(labels, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not low < high:
        return float(np.interp(low, x, y)) if low == high else float("nan")
    inside = x[(x > low) & (x < high)]
    grid = np.concatenate([[low], inside, [high]])
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))


def areas(records: pd.DataFrame, by: Sequence[str], compared: str = "query") -> pd.DataFrame:
    """Return the area under the learning curve of every run: ``by``, ``run``, ``seed``, ``auc``, ``low``, ``high``.

    ``final`` is the height of the curve at ``high``. Runs that differ in column ``compared`` and the seed alone are
    measured over the range of labels that all of them cover, so that a longer run is not compared by labels that the
    others never had; ``NaN`` where they share none.
    """
    import numpy as np

    ordered = records.sort_values(["run", "labels"])
    ends = ordered.groupby([*by, *RUN], sort=False, dropna=False)["labels"].agg(low="min", high="max").reset_index()
    block = [column for column in by if column != compared]
    if block:
        grouped = ends.groupby(block, sort=False, dropna=False)
        low, high = grouped["low"].transform("max"), grouped["high"].transform("min")
    else:
        low, high = ends["low"].max(), ends["high"].min()
    ends = ends.assign(low=low, high=high)
    runs, starts = np.unique(ordered["run"].to_numpy(), return_index=True)
    parts = (np.split(ordered[name].to_numpy(), starts[1:]) for name in ("labels", "value"))
    labels, values = parts
    curves: dict[int, tuple[Any, Any]] = dict(zip(runs.tolist(), zip(labels, values, strict=True), strict=True))
    rows = zip(ends["run"], ends["low"], ends["high"], strict=True)
    found = [(area(*curves[run], low, high), np.interp(high, *curves[run])) for run, low, high in rows]
    return ends.assign(auc=[one for one, _ in found], final=[float(one) for _, one in found])


def paired_differences(table: pd.DataFrame, by: Sequence[str], baseline: str, compared: str = "query") -> pd.DataFrame:
    """Return mean and standard error of ``auc`` minus the baseline's ``auc`` of the same seed, over common seeds.

    Columns: ``by``, ``n`` (pairs), ``mean``, ``se``, and ``p``, the two-sided p-value of the paired t-test (Student
    1908; ``NaN`` for one pair). The baseline itself is not among the rows.
    """
    from alrun.report.statistics.paired import p_value

    block = [column for column in by if column != compared]
    base = table.loc[table[compared] == baseline, [*block, "seed", "auc"]].rename(columns={"auc": "base"})
    pairs = table[table[compared] != baseline].merge(base, on=[*block, "seed"])
    found = summary(pairs.assign(difference=pairs["auc"] - pairs["base"]), by, "difference")
    return found.assign(p=p_value(found["mean"].to_numpy(), found["se"].to_numpy(), found["n"].to_numpy()))
