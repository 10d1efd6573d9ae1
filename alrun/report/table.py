"""The report as a rich table: one row a strategy, its curve, its area, its difference to the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "comparison_table", "number", "thinned"]

MOST_COUNTS = 12
COUNT_WIDTH = 8


@dataclass(frozen=True)
class Comparison:
    """One metric over many runs.

    Attributes:
        metric: Its name.
        higher_is_better: Its direction; ``None``: neither.
        curves: As ``curves.learning_curves`` returns them.
        areas: One row a group of runs: its columns, ``n``, ``mean``, ``se``, and, where there is a baseline to compare
            with, ``pairs``, ``difference``, ``difference_se``.
        baseline: Name of the baseline query strategy; empty without one.
    """

    metric: str
    higher_is_better: bool | None
    curves: pd.DataFrame
    areas: pd.DataFrame
    baseline: str


def number(value: float, scale: float | None = None) -> str:
    """Return ``value`` with as many decimals as ``scale`` (by default itself) needs for three digits."""
    size = abs(value if scale is None else scale)
    if not size or not math.isfinite(size):
        return f"{value:.3f}"
    decimals = 2 - math.floor(math.log10(size))
    return f"{value:.{max(0, decimals)}f}" if -3 < decimals < 6 else f"{value:.3g}"


def thinned(counts: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` of ``counts``, evenly spread, first and last among them."""
    if len(counts) <= most:
        return list(counts)
    if most < 2:
        return [counts[-1]]
    return [counts[round(i * (len(counts) - 1) / (most - 1))] for i in range(most)]


def comparison_table(comparison: Comparison, by: Sequence[str], width: int) -> Table:
    """Return the table for a screen of ``width`` columns; ``by`` are the group columns that it names."""
    arrow = {True: " ↑", False: " ↓", None: ""}[comparison.higher_is_better]
    table = Table(title=f"{comparison.metric}{arrow} by number of labels", title_justify="left", show_lines=True)
    for column in by:
        table.add_column(column, overflow="fold")
    table.add_column("seeds", justify="right")
    counts = _counts(comparison, by, width)
    for count in counts:
        table.add_column(str(count), justify="right", no_wrap=True)
    table.add_column("AUC", justify="right", style="bold", no_wrap=True)
    if comparison.baseline:
        table.add_column(f"AUC -{comparison.baseline}", justify="right")
    for row in comparison.areas.to_dict("records"):
        table.add_row(*_row(comparison, row, by, counts))
    return table


def _counts(comparison: Comparison, by: Sequence[str], width: int) -> list[int]:
    fixed = 7 + 9 + (10 + len(comparison.baseline) if comparison.baseline else 0) + 8
    for column in by:
        fixed += 3 + max(len(column), *(len(str(value)) for value in comparison.areas[column]))
    fitting = max(2, (width - fixed) // (COUNT_WIDTH + 1))
    return thinned(sorted(comparison.curves["labels"].unique().tolist()), min(MOST_COUNTS, fitting))


def _row(comparison: Comparison, row: dict[Any, Any], by: Sequence[str], counts: Sequence[int]) -> list[Text]:
    curve = comparison.curves
    for column in row.keys() & set(curve.columns) - {"n", "mean", "se"}:
        curve = curve[curve[column] == row[column]]
    points = {point["labels"]: point for point in curve.to_dict("records")}
    cells = [Text(str(row[column])) for column in by] + [Text(str(row["n"]))]
    nothing = {"mean": math.nan, "se": math.nan}
    cells += [_cell(point["mean"], point["se"]) for point in (points.get(count, nothing) for count in counts)]
    cells.append(_cell(row["mean"], row["se"]))
    if comparison.baseline:
        cells.append(_difference(row, comparison.higher_is_better))
    return cells


def _cell(mean: float, se: float, style: str = "") -> Text:
    if math.isnan(mean):
        return Text("")
    scale = max(abs(mean), 0.0 if math.isnan(se) else se)
    error = "" if math.isnan(se) else f"±{number(se, scale)}"
    return Text.assemble((number(mean, scale), style), (f"\n{error}", "dim"))


def _difference(row: dict[Any, Any], higher_is_better: bool | None) -> Text:
    mean, se = row["difference"], row["difference_se"]
    if higher_is_better is None or not abs(mean) > 2 * se:
        return _cell(mean, se)
    return _cell(mean, se, "green" if (mean > 0) == higher_is_better else "red")
