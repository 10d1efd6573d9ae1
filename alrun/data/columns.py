"""Columns of a table: numbers, categories or unused, and their conversion to inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.errors import DataError, Problem
from alrun.core.suggest import nearest
from alrun.data.column_names import listed_as, reads_as
from alrun.data.kinds import Kind, as_numbers, kind_of, odd_values, texts
from alrun.data.origins import centered
from alrun.data.problems import fail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Columns", "choose_columns", "dummies", "numbers"]

MANY_CATEGORIES = 100
#: Range of a column, as a share of its largest value, below which ``float64`` may have lost digits of it.
CLOSE = 2.0**-40
_NUMBERS = (Kind.NUMBER, Kind.DURATION, Kind.VECTOR)


@dataclass(frozen=True)
class Columns:
    """Names of the feature columns, in the order in which they become inputs.

    Attributes:
        numeric: Columns of numbers.
        categorical: Columns of categories.
        kinds: What the values of each column are.
        left_out: Columns that are not used, and why.
        text: Columns of texts.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    kinds: Mapping[str, Kind]
    left_out: Mapping[str, str]
    text: tuple[str, ...] = ()


def choose_columns(
    frame: pd.DataFrame,
    targets: Sequence[str],
    numeric: Sequence[str] | None,
    categorical: Sequence[str] | None,
    drop: Sequence[str],
    where: str = "data",
    text: Sequence[str] = (),
) -> Columns:
    """Return the feature columns: those listed, and for a list that is ``None`` those of the fitting kind.

    Raises:
        DataError: A name is not in the table or has two roles, a column is almost of one kind, or no feature is left.
            All such problems at once.
    """
    named = {"target": targets, "numeric": numeric or (), "categorical": categorical or (), "drop": drop}
    named["text"] = text
    _check_names(frame, named)
    used = {name for names in named.values() for name in names}
    free = [name for name in frame.columns if name not in used]
    kinds = {name: kind_of(frame[name]) for name in frame.columns if name not in drop}
    problems: list[Problem] = []
    examined = [name for name in free if numeric is None and kinds[name] in _NUMBERS]
    examined += [name for name in free if categorical is None and kinds[name] not in _NUMBERS]
    examined += [name for name in numeric or () if kinds[name] is Kind.OTHER]
    for name in examined:
        problems += odd_values(frame[name], name, kinds[name], where)
    numbers = list(numeric if numeric is not None else (name for name in free if kinds[name] in _NUMBERS))
    listed = [name for name in categorical or () if name not in targets]
    categories = listed if categorical is not None else [name for name in free if kinds[name] is Kind.CATEGORY]
    if categorical is None:
        problems += _identifiers(frame, categories)
    if problems:
        raise DataError(problems)
    if not numbers and not categories and not text:
        raise fail("no feature column is left", "data", "check data.numeric, data.categorical and data.drop")
    rest = [name for name in free if name not in numbers and name not in categories]
    left_out = {name: _why(name, kinds[name]) for name in rest} | dict.fromkeys(drop, "data.drop")
    return Columns(tuple(numbers), tuple(categories), kinds, left_out, tuple(text))


def numbers(
    frame: pd.DataFrame,
    names: Sequence[str],
    kinds: Mapping[str, Kind],
    where: str,
    text: Callable[[str], pd.Series[Any]] | None = None,
) -> tuple[npt.NDArray[np.float32], tuple[float, ...]]:
    """Return columns as ``[N, d]`` ``float32``, and what has been subtracted from each, see ``centered``.

    Raises:
        DataError: A value is no number, missing, infinite or beyond ``float32``: the first row of every such column is
            named.
    """
    blocks = [np.empty((len(frame), 0), dtype=np.float32)]
    origins: list[float] = []
    problems: list[Problem] = []
    for name in names:
        values = as_numbers(frame[name], kinds[name])
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            problems.append(_bad_number(frame[name], name, bad, where, text))
            continue
        if merged := _merged(name, frame[name], values, text):
            what = f"column {name!r} has {merged[0]} different values, of which 64-bit floats tell {merged[1]} apart"
            hint = f"subtract what they have in common in the file; {listed_as('drop', name)} leaves it out"
            problems.append(Problem(what, where, hint))
            continue
        block, subtracted = centered(values)
        if not np.isfinite(block).all() or _vanishes(values, block):
            row = int(np.abs(values).max(axis=1).argmax())
            what = f"column {name!r} is {values[row].max()} in row {row}, which is out of range for 32-bit floats"
            problems.append(Problem(what, where, f"use another unit; or {listed_as('drop', name)}"))
        blocks.append(block)
        origins += subtracted or [0.0] * block.shape[1]
    if problems:
        raise DataError(problems)
    return np.concatenate(blocks, axis=1), tuple(origins) if any(origins) else ()


def _merged(
    name: str, column: pd.Series[Any], values: npt.NDArray[Any], text: Callable[[str], pd.Series[Any]] | None
) -> tuple[int, int] | None:
    """Return how many different numbers were written, and how many ``float64`` has made of them, if it lost many."""
    if values.dtype.kind != "f" or not _are_close(values) or (text is None and column.dtype.kind != "O"):
        return None
    written = texts(column if text is None else text(name)).str.strip().unique()
    different, held = len({_decimal(one) for one in written}), len(np.unique(values))
    return (different, held) if different >= 2 * held else None


def _are_close(values: npt.NDArray[np.float64]) -> bool:
    with np.errstate(over="ignore"):
        return bool((np.ptp(values, axis=0) < np.abs(values).max(axis=0) * CLOSE).any())


def _decimal(written: str) -> Decimal | str:
    try:
        return Decimal(written.replace(",", "."))
    except InvalidOperation:
        return written


def _vanishes(values: npt.NDArray[Any], block: npt.NDArray[np.float32]) -> bool:
    """Return whether a column varies, but not as ``float32``."""
    return bool(((np.ptp(block, axis=0) == 0) & (values.min(axis=0) < values.max(axis=0))).any())


def dummies(frame: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return one column of 0 and 1 for each category of each named column, ``[N, K]`` ``float32``.

    Categories are those of the whole table, in sorted order of their text; a missing value is a category too, the last.
    """
    import pandas as pd

    blocks = [np.empty((len(frame), 0), dtype=np.float32)]
    for name in names:
        codes, found = pd.factorize(texts(frame[name]), sort=True, use_na_sentinel=True)
        codes = np.where(codes < 0, len(found), codes)
        blocks.append(np.eye(int(codes.max()) + 1, dtype=np.float32)[codes])
    return np.concatenate(blocks, axis=1)


def _why(name: str, kind: Kind) -> str:
    if kind is Kind.DATE:
        return f"a date; {listed_as('numeric', name)} takes it as seconds"
    return f"{kind}, not listed in data.{'numeric' if kind in _NUMBERS else 'categorical'}"


def _check_names(frame: pd.DataFrame, named: dict[str, Sequence[str]]) -> None:
    problems = []
    role_of: dict[str, str] = {}
    for role, names in named.items():
        for name in names:
            before = role_of.get(name)
            if name not in frame.columns:
                close = nearest(name, frame.columns, 3) or list(frame.columns[:8])
                same = [column for column in frame.columns if reads_as(column, name)]
                hint = f"as text: {listed_as(role, same[0])}" if same else f"there is {', '.join(close)}"
                problems.append(Problem(f"the table has no column {name!r}", f"data.{role}", hint))
            elif before is not None and (before, role) != ("target", "categorical"):
                what = f"column {name!r} is named in data.{before} and in data.{role}"
                once = ",".join(dict.fromkeys(names)) if before == role else ""
                problems.append(Problem(what, f"data.{role}", f"data.{role}=[{once}]" if once else "name it only once"))
            role_of[name] = role
    if problems:
        raise DataError(problems)


def _identifiers(frame: pd.DataFrame, names: Sequence[str]) -> list[Problem]:
    problems = []
    for name in names:
        count = texts(frame[name]).nunique()
        if count > MANY_CATEGORIES and 2 * count > len(frame):
            what = f"column {name!r} is text with {count} different values in {len(frame)} rows: an identifier?"
            problems.append(
                Problem(what, "data.categorical", f"{listed_as('drop', name)}, or {listed_as('text', name)} for texts")
            )
    return problems


def _bad_number(
    column: pd.Series[Any],
    name: str,
    bad: npt.NDArray[np.int64],
    where: str,
    text: Callable[[str], pd.Series[Any]] | None,
) -> Problem:
    import pandas as pd

    row = int(bad[0])
    value = column.iloc[row]
    missing = value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
    written = "" if not missing or text is None else str(text(name).fillna("").iloc[row])
    shown = repr(value) if isinstance(value, str) else str(value)
    as_missing = f"is {written!r} (a missing value)" if written.strip() else "is missing"
    fault = as_missing if missing else f"is {shown}, not a finite number"
    more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
    hint = (
        f"fill it in, or leave the row out; or {listed_as('drop', name)}"
        if missing
        else f"{listed_as('drop', name)} or list it in data.categorical"
    )
    return Problem(f"column {name!r} {fault} in row {row}{more}", where, hint)
