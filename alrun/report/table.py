"""The report as a rich table: one row per strategy, its curve, its area, its difference to the baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from alrun.core.showing import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "comparison_table", "number", "thinned"]

MOST_COUNTS = 12


@dataclass(frozen=True)
class Comparison:
    """One metric over many runs.

    Attributes:
        metric: Its name.
        higher_is_better: Its direction; ``None``: neither.
        curves: As ``curves.learning_curves`` returns them.
        areas: One row per group of runs: its columns, ``n``, ``mean``, ``se``, and, if there is a baseline to compare
            with, ``pairs``, ``difference``, ``difference_se``, ``difference_p``.
        baseline: Name of the baseline query strategy; empty without one.
        runs: Number of runs that it is of.
    """

    metric: str
    higher_is_better: bool | None
    curves: pd.DataFrame
    areas: pd.DataFrame
    baseline: str
    runs: int


@dataclass(frozen=True)
class _Column:
    header: str
    cells: Sequence[Text]

    @property
    def width(self) -> int:
        """Columns of the screen that it takes, with what separates it from the next."""
        lines = [line for cell in self.cells for line in cell.plain.splitlines()]
        return max(map(len, [self.header, *lines])) + 2


def number(value: float, scale: float | None = None, sign: str = "") -> str:
    """Return ``value`` with as many decimals as ``scale`` (by default itself) needs for three digits."""
    size = abs(value if scale is None else scale)
    if not size or not math.isfinite(size):
        return f"{value:{sign}.3f}"
    decimals = 2 - math.floor(math.log10(size))
    return f"{value:{sign}.{max(0, decimals)}f}" if -3 < decimals < 6 else f"{value:{sign}.3g}"


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
    title = f"{printable(comparison.metric)}{arrow} by number of labels"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = _fitting(comparison, by, width)
    for column in columns:
        is_group = column.header in by
        table.add_column(column.header, justify="left" if is_group else "right", no_wrap=not is_group, overflow="fold")
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _fitting(comparison: Comparison, by: Sequence[str], width: int) -> list[_Column]:
    """Return the columns, with as many numbers of labels as fit beside the others."""
    rows = comparison.areas.to_dict("records")
    before = [_Column(name, [Text(printable(str(row[name]))) for row in rows]) for name in by]
    before.append(_Column("seeds", [Text(str(row["n"])) for row in rows]))
    after = [_Column("AUC", [_cell(row["mean"], row["se"]) for row in rows])]
    if comparison.baseline:
        differences = [_difference(row, comparison.higher_is_better) for row in rows]
        after.append(_Column(f"vs {printable(comparison.baseline)}", differences))
    points = _points(comparison, rows)
    room = width - 2 - sum(column.width for column in [*before, *after])
    chosen = list(points)
    for most in range(MOST_COUNTS, 0, -1):
        chosen = thinned(list(points), most)
        if sum(points[count].width for count in chosen) <= room:
            break
    return [*before, *(points[count] for count in chosen), *after]


def _points(comparison: Comparison, rows: Sequence[Mapping[Any, Any]]) -> dict[int, _Column]:
    """Return one column for each number of labels."""
    groups = [name for name in comparison.curves.columns if name not in ("labels", "n", "mean", "se")]
    heights = {
        (*(point[name] for name in groups), point["labels"]): (point["mean"], point["se"])
        for point in comparison.curves.to_dict("records")
    }
    nothing = (math.nan, math.nan)
    columns = {}
    for count in sorted(comparison.curves["labels"].unique().tolist()):
        cells = [_cell(*heights.get((*(row[name] for name in groups), count), nothing)) for row in rows]
        columns[count] = _Column(str(count), cells)
    return columns


def _cell(mean: float, se: float, style: str = "", sign: str = "") -> Text:
    if math.isnan(mean):
        return Text("")
    scale = max(abs(mean), 0.0 if math.isnan(se) else se)
    error = "" if math.isnan(se) else f"±{number(se, scale)}"
    return Text.assemble((number(mean, scale, sign), style), (f"\n{error}", "dim"))


def _difference(row: Mapping[Any, Any], higher_is_better: bool | None) -> Text:
    mean, se = row["difference"], row["difference_se"]
    style = ""
    if higher_is_better is not None and abs(mean) > 2 * se:
        style = "green" if (mean > 0) == higher_is_better else "red"
    return _cell(mean, se, style, sign="+")
