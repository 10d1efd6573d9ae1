"""Missing numbers of a table: filled with the median of their column, and marked in a column of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.errors import DataError, Problem
from alrun.data.column_names import listed_as
from alrun.data.kinds import Kind, as_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Filled", "filled"]


@dataclass(frozen=True)
class Filled:
    """Columns without missing numbers.

    Attributes:
        frame: The table.
        kinds: What the values of each column are now.
        marks: Where a number was missing, a column of 0 and 1 for each column that was filled, ``[N, k]`` ``float32``.
        medians: What each of these was filled with, by name.
    """

    frame: pd.DataFrame
    kinds: Mapping[str, Kind]
    marks: npt.NDArray[np.float32]
    medians: Mapping[str, float]


def filled(frame: pd.DataFrame, names: Sequence[str], kinds: Mapping[str, Kind], rows: int, where: str) -> Filled:
    """Return ``frame`` with the missing numbers of the columns ``names`` filled.

    Args:
        frame: The table.
        names: Columns of numbers.
        kinds: What their values are; a missing vector stays missing.
        rows: Medians are those of the first ``rows`` rows.
        where: Name of the file, for errors.

    Raises:
        DataError: A column has no number at all in these rows.
    """
    import pandas as pd

    medians: dict[str, float] = {}
    marks = [np.empty((len(frame), 0), dtype=np.float32)]
    changed: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in names:
        missing = frame[name].isna().to_numpy(dtype=bool)
        if kinds[name] is Kind.VECTOR or not missing.any():
            continue
        values = as_numbers(frame[name], kinds[name])[:, 0].astype(np.float64)
        known = values[:rows][~missing[:rows]]
        if not len(known):
            what = f"column {name!r} is missing in every row"
            problems.append(Problem(what, where, f"{listed_as('drop', name)} leaves it out"))
            continue
        medians[name] = float(np.median(known))
        changed[name] = pd.Series(np.where(missing, medians[name], values), index=frame.index)
        marks.append(missing[:, None].astype(np.float32))
    if problems:
        raise DataError(problems)
    numbers = dict.fromkeys(medians, Kind.NUMBER)
    return Filled(frame.assign(**changed), {**kinds, **numbers}, np.concatenate(marks, axis=1), medians)
