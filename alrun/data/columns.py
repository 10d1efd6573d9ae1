"""Tables read with pandas, and which of their columns are numbers, categories, or of no use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.errors import DataError, Problem
from alrun.core.suggest import nearest
from alrun.data.problems import fail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "Columns", "choose_columns", "dummies", "numbers", "read_table"]

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq")
MANY_CATEGORIES = 100


@dataclass(frozen=True)
class Columns:
    """Names of the feature columns, in the order in which they become inputs."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]


def read_table(file: Path) -> pd.DataFrame:
    """Return the table, column names as text.

    Raises:
        DataError: It cannot be parsed, or has no rows.
    """
    import pandas as pd

    try:
        if file.name.lower().endswith((".parquet", ".pq")):
            frame = pd.read_parquet(file)
        else:
            frame = pd.read_csv(file, sep="\t" if file.name.lower().endswith(".tsv") else ",", low_memory=False)
    except Exception as error:
        raise fail(f"cannot be read as a table: {error}", str(file)) from error
    if frame.empty:
        raise fail("the table has no rows", str(file))
    frame.columns = frame.columns.map(str)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise fail(f"two columns are called {twice!r}", str(file), "rename one")
    return frame.reset_index(drop=True)


def choose_columns(
    frame: pd.DataFrame,
    targets: Sequence[str],
    numeric: Sequence[str] | None,
    categorical: Sequence[str] | None,
    drop: Sequence[str],
) -> Columns:
    """Return the feature columns: those listed, and for a list that is ``None`` those of the fitting type.

    Raises:
        DataError: A name is not in the table or has two roles, or no feature is left. All such problems at once.
    """
    named = {"target": targets, "numeric": numeric or (), "categorical": categorical or (), "drop": drop}
    _check_names(frame, named)
    used = {name for names in named.values() for name in names}
    free = [name for name in frame.columns if name not in used]
    if numeric is None:
        numeric = [name for name in free if frame[name].dtype.kind in "iuf"]
    if categorical is None:
        categorical = [name for name in free if frame[name].dtype.kind not in "iufcmM"]
        _check_categories(frame, categorical)
    if not numeric and not categorical:
        raise fail("no column is left to learn from", "data", "check data.numeric, data.categorical and data.drop")
    return Columns(tuple(numeric), tuple(categorical))


def numbers(frame: pd.DataFrame, names: Sequence[str], where: str) -> npt.NDArray[np.float32]:
    """Return columns as ``[N, len(names)]`` ``float32``.

    Raises:
        DataError: A value is no number, missing or infinite: the first row of every such column is named.
    """
    import pandas as pd

    block = np.empty((len(frame), len(names)), dtype=np.float32)
    problems = []
    for number, name in enumerate(names):
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            problems.append(_bad_number(frame[name].iloc[int(bad[0])], name, int(bad[0]), len(bad), where))
        block[:, number] = values
    if problems:
        raise DataError(problems)
    return block


def dummies(frame: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return one column of 0 and 1 for each category of each named column, ``[N, K]`` ``float32``.

    Categories are those of the whole table, in sorted order of their text; a missing value is a category too, the last.
    """
    import pandas as pd

    blocks = [np.empty((len(frame), 0), dtype=np.float32)]
    for name in names:
        text = frame[name].astype(object).where(frame[name].notna(), None).map(str, na_action="ignore")
        codes, found = pd.factorize(text, sort=True, use_na_sentinel=True)
        codes = np.where(codes < 0, len(found), codes)
        blocks.append(np.eye(int(codes.max()) + 1, dtype=np.float32)[codes])
    return np.concatenate(blocks, axis=1)


def _check_names(frame: pd.DataFrame, named: dict[str, Sequence[str]]) -> None:
    problems = []
    role_of: dict[str, str] = {}
    for role, names in named.items():
        for name in names:
            if name not in frame.columns:
                close = nearest(name, frame.columns, 3) or list(frame.columns[:8])
                problems.append(
                    Problem(f"the table has no column {name!r}", f"data.{role}", f"there is {', '.join(close)}")
                )
            elif name in role_of:
                what = f"column {name!r} is named in data.{role_of[name]} and in data.{role}"
                problems.append(Problem(what, f"data.{role}", "name it once"))
            role_of[name] = role
    if problems:
        raise DataError(problems)


def _check_categories(frame: pd.DataFrame, names: Sequence[str]) -> None:
    problems = []
    for name in names:
        count = frame[name].nunique()
        if count > MANY_CATEGORIES and 2 * count > len(frame):
            what = f"column {name!r} is text with {count} different values in {len(frame)} rows: an identifier?"
            problems.append(Problem(what, "data.categorical", f"data.drop=[{name}], or list the columns you want"))
    if problems:
        raise DataError(problems)


def _bad_number(value: Any, name: str, row: int, count: int, where: str) -> Problem:
    import pandas as pd

    missing = value is None or bool(pd.isna(value))
    shown = repr(value) if isinstance(value, str) else str(value)
    fault = "is missing" if missing else f"is {shown}, not a finite number"
    more = f" (and {count - 1} more rows)" if count > 1 else ""
    hint = (
        f"fill it in or leave the row out; or data.drop=[{name}]"
        if missing
        else f"data.drop=[{name}] or list it in data.categorical"
    )
    return Problem(f"column {name!r} {fault} in row {row}{more}", where, hint)
