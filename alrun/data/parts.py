"""Parts of a table that are given: a file of test rows, and groups that stay together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.suggest import nearest
from alrun.data.column_names import listed_as
from alrun.data.files import TableFile
from alrun.data.problems import fail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["group_numbers", "joined"]


def joined(table: TableFile, test: TableFile, path: str) -> TableFile:
    """Return the rows of ``table``, then those of ``test``, which ``path`` holds.

    A column that one file has as text and the other as numbers is text, as it is written: codes may lack their leading
    zeros in one of them.

    Raises:
        DataError: The columns are not the same; their order does not matter.
    """
    import pandas as pd

    names, others = list(map(str, table.frame.columns)), list(map(str, test.frame.columns))
    lacking = [name for name in names if name not in others]
    further = [name for name in others if name not in names]
    if lacking:
        close = nearest(lacking[0], others, 1) or others[:1]
        what = f"there is no column {lacking[0]!r}" + (f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else "")
        raise fail(what, path, f"is it {close[0]!r}? Both files need the same columns")
    if further:
        raise fail(f"column {further[0]!r} is not in data.path", path, "both files need the same columns")
    columns: dict[str, pd.Series[Any]] = {}
    for name in names:
        pair = [table.frame[name], test.frame[name]]
        if len({_kind(one) for one in pair}) == 2 and not all(one.isna().all() for one in pair):
            pair = [_as_text(part, name) for part in (table, test)]
        columns[name] = pd.concat(pair, ignore_index=True)

    def text(name: str) -> pd.Series[Any]:
        return pd.concat([_as_text(part, name) for part in (table, test)], ignore_index=True)

    return TableFile(pd.DataFrame(columns), {**test.left_out, **table.left_out}, text)


def _kind(column: pd.Series[Any]) -> str:
    return "number" if column.dtype.kind in "iuf" else "boolean" if column.dtype.kind == "b" else "text"


def _as_text(part: TableFile, name: str) -> pd.Series[Any]:
    """Return a column as it is written, missing values as such."""
    column = part.frame[name]
    if part.text is None:
        return column.astype(object).map(str, na_action="ignore")
    return part.text(name).where(column.notna().to_numpy())


def group_numbers(
    frame: pd.DataFrame, name: str, targets: Sequence[str], rows: int, where: str
) -> npt.NDArray[np.int64]:
    """Return the number of the group of each row, ``[N]``, in the sorted order of their names.

    Args:
        frame: The table.
        name: The column.
        targets: Columns to predict.
        rows: Rows that are not of a file of test rows; these come after them.
        where: Name of the file, for errors.

    Raises:
        DataError: There is no such column, it is a target, a value is missing, there are too few groups, or one of them
            has test rows and others.
    """
    import pandas as pd

    if name not in frame.columns:
        names = list(map(str, frame.columns))
        close = nearest(name, names, 1) or names[:1]
        raise fail(f"the table has no column {name!r}", "data.groups", f"data.groups={close[0]}")
    if name in targets:
        raise fail(f"column {name!r} is the target", "data.groups", "data.groups=null")
    missing = np.flatnonzero(frame[name].isna().to_numpy())
    if len(missing):
        more = f" (and {len(missing) - 1} more rows)" if len(missing) > 1 else ""
        raise fail(f"the group {name!r} is missing in row {missing[0]}{more}", where, "name the group of every row")
    numbers, found = pd.factorize(frame[name].astype(object).map(str), sort=True)
    if len(found) < 3:
        what = f"{len(found)} groups in column {name!r} cannot be training, validation and test"
        raise fail(what, where, f"{listed_as('drop', name)} data.groups=null")
    both = np.intersect1d(numbers[:rows], numbers[rows:])
    if len(both):
        what = f"the group {str(found[both[0]])!r} is in both files (and {len(both) - 1} more)"
        raise fail(what, where, "take its rows out of one of them, or data.groups=null")
    return numbers.astype(np.int64)
