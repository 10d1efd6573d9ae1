"""Grid of a condition: the curves of all runs at common numbers of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Grid", "grids"]


class Grid(NamedTuple):
    """The curves of one condition at common numbers of labels.

    Attributes:
        condition: Its name.
        strategies: Names, ``S``.
        seeds: Seeds, ``n``.
        labels: Numbers of labels that all curves cover, ``[L]``.
        values: ``[S, n, L]``; ``NaN`` where a strategy lacks a seed.
    """

    condition: str
    strategies: list[str]
    seeds: list[int]
    labels: NDArray[np.float64]
    values: NDArray[np.float64]


def grids(points: pd.DataFrame) -> Iterator[Grid]:
    """Yield the grid of each condition; curves are straight between their points."""
    import numpy as np

    for condition, group in points.groupby("condition", sort=False):
        strategies, seeds = sorted(set(group["strategy"])), sorted(set(group["seed"]))
        runs = dict(iter(group.groupby(["strategy", "seed"], sort=False)))
        low = max(run["labels"].min() for run in runs.values())
        high = min(run["labels"].max() for run in runs.values())
        counts = np.array(sorted({n for n in group["labels"] if low <= n <= high}), dtype=np.float64)
        values = np.full((len(strategies), len(seeds), len(counts)), np.nan)
        for (strategy, seed), run in runs.items():
            curve = np.interp(counts, run["labels"], run["value"])
            values[strategies.index(strategy), seeds.index(seed)] = curve
        yield Grid(str(condition), strategies, seeds, counts, values)
