"""Kinds of columns, inferred from their values rather than from the dtype of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.errors import Problem
from alrun.data.column_names import listed_as

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "as_numbers", "is_decimal", "kind_of", "odd_values", "texts"]

_DATE = (
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}([T ]\d{1,2}:\d{2}.*)?$|\d{1,2}([-/.])\d{1,2}\3\d{2,4}( .*)?$|\d{4}-\d{2}-\d{2}T.*$"
)
_CLOCK = (
    r"([+-]?\d+ days?,? ?)?[+-]?\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?$|"
    r"[+-]?P(?=T?\d)(\d+[YMWD])*(T(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?$"
)
_THOUSANDS = r"[+-]?[$€£]?\s?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?\s?[%$€£]?$"
_COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s?[%$€£]?$"
_MARKED = r"[+-]?[$€£]\s?[+-]?\d+(?:\.\d+)?$|[+-]?\d+(?:\.\d+)?\s?[%$€£]$"
#: Minus signs as typesetters have them.
_MINUS = r"[\u2212\u2013\ufe63\uff0d]\s?\d[\d.,]*(?:[eE].?\d+)?\s?[%$€£]?$"
_PADDED = r"[+-]?0\d+$"
#: Lists, mappings and bytes as Python, NumPy and JSON print them; of what is in parentheses, only numbers.
_PRINTED = r"(?s)\[.*\]$|\{.*\}$|\(\s*[+-]?[\d.]+[eE\d+-]*\s*,.*\)$|b'.*'$|b\".*\"$"


class Kind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    DURATION = "duration"
    VECTOR = "vector"
    OTHER = "other"


@dataclass(frozen=True)
class _Texts:
    """The different texts of a column, stripped, and how often each occurs."""

    different: pd.Series[Any]
    counts: npt.NDArray[np.int64]

    def share(self, mask: npt.NDArray[np.bool_]) -> float:
        return float(self.counts[mask].sum() / max(1, self.counts.sum()))

    def match(self, pattern: str) -> npt.NDArray[np.bool_]:
        return self.different.str.match(pattern).to_numpy(dtype=bool)

    def numbers(self) -> npt.NDArray[np.bool_]:
        import pandas as pd

        found = pd.to_numeric(self.different, errors="coerce").notna().to_numpy(dtype=bool)
        return found | self.different.str.lower().isin(["nan"]).to_numpy(dtype=bool)


def texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values as text, stripped; missing ones stay missing."""
    as_text: pd.Series[Any] = column.astype(object).map(str, na_action="ignore")
    return as_text


def kind_of(column: pd.Series[Any]) -> Kind:
    """Return what most of the values are; whether all of them are is another question, see ``odd_values``."""
    import pandas as pd

    kind = column.dtype.kind
    if isinstance(column.dtype, pd.CategoricalDtype) or kind == "b":
        return Kind.CATEGORY
    if kind in "iuf":
        return Kind.NUMBER
    if kind in "mM":
        return Kind.DATE if kind == "M" else Kind.DURATION
    if kind == "c":
        return Kind.OTHER
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in _INFERRED:
        return _INFERRED[inferred]
    first = column.dropna().iloc[0] if column.notna().any() else ""
    if isinstance(first, list | tuple | np.ndarray):
        return Kind.VECTOR
    if isinstance(first, dict | set | bytes):
        return Kind.OTHER
    return _kind_of_texts(_different(column))


def is_decimal(column: pd.Series[Any]) -> bool:
    """Return whether the values are decimal numbers, which pandas keeps as objects."""
    import pandas as pd

    return bool(pd.api.types.infer_dtype(column, skipna=True) == "decimal")


_INFERRED = {
    "decimal": Kind.NUMBER,
    "floating": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "mixed-integer-float": Kind.NUMBER,
    "boolean": Kind.CATEGORY,
    "datetime": Kind.DATE,
    "datetime64": Kind.DATE,
    "date": Kind.DATE,
    "timedelta": Kind.DURATION,
    "timedelta64": Kind.DURATION,
    "time": Kind.OTHER,
    "bytes": Kind.OTHER,
    "complex": Kind.OTHER,
    "period": Kind.DATE,
    "interval": Kind.OTHER,
}


def _kind_of_texts(found: _Texts) -> Kind:
    if len(found.different) == 0 or found.match(_PADDED).any():
        return Kind.CATEGORY
    for kind, mask in (
        (Kind.OTHER, found.match(_PRINTED)),
        (Kind.DATE, found.match(_DATE)),
        (Kind.DURATION, found.match(_CLOCK)),
        (Kind.NUMBER, _like_numbers(found)),
    ):
        if found.share(mask) > 0.5:
            return kind
    return Kind.CATEGORY


def _like_numbers(found: _Texts) -> npt.NDArray[np.bool_]:
    return found.numbers() | found.match(_THOUSANDS) | found.match(_COMMA) | found.match(_MARKED) | found.match(_MINUS)


def _different(column: pd.Series[Any]) -> _Texts:
    counted = texts(column.dropna()).str.strip().value_counts(sort=False)
    import pandas as pd

    return _Texts(
        pd.Series(counted.index.astype(object), dtype=object).astype(str), counted.to_numpy().astype(np.int64)
    )


def odd_values(column: pd.Series[Any], name: str, kind: Kind, where: str, is_target: bool = False) -> Iterator[Problem]:
    """Yield what keeps a column from being the ``kind`` that most of its values are: the first value that is not."""
    import pandas as pd

    if kind is Kind.OTHER:
        first = column.dropna().iloc[0]
        noun = (
            "lists, mappings or bytes as text" if isinstance(first, str) else f"values of type {type(first).__name__}"
        )
        what = f"column {name!r} holds {noun}, such as {str(first)[:60]!r}"
        yield Problem(what, where, _without(name, is_target, as_text=isinstance(first, str)))
    elif kind is Kind.VECTOR:
        yield from _vector_problems(column, name, where, is_target)
    elif column.dtype.kind in "iufmMb" or isinstance(column.dtype, pd.CategoricalDtype):
        return
    elif pd.api.types.infer_dtype(column, skipna=True) not in _INFERRED:
        yield from _text_problems(column, name, kind, where, is_target)


def _text_problems(column: pd.Series[Any], name: str, kind: Kind, where: str, is_target: bool) -> Iterator[Problem]:
    if kind is Kind.CATEGORY:
        return
    found = _different(column)
    if kind is Kind.DURATION:
        fine, nouns = np.zeros(len(found.different), dtype=bool), "times or durations as text"
    elif kind is Kind.DATE:
        fine, nouns = found.match(_DATE), "dates"
    else:
        fine, nouns = found.numbers(), "numbers"
    odd = set(found.different[~fine])
    if not odd:
        return
    is_odd = texts(column).str.strip().isin(odd).to_numpy(dtype=bool)
    row, count = int(is_odd.argmax()), int(is_odd.sum())
    more = f" (and {count - 1} more rows)" if count > 1 else ""
    value = column.iloc[row]
    if kind is Kind.DURATION:
        what = f"column {name!r} holds {nouns}: {str(value)!r} in row {row}{more}"
    else:
        what = f"column {name!r} holds {nouns}, but {str(value)!r} in row {row} is not one{more}"
    yield Problem(what, where, _mark_hint(str(value).strip()) + _without(name, is_target))


def _mark_hint(value: str) -> str:
    import re

    if re.match(_MINUS, value):
        return "write the minus as -; "
    if re.match(_THOUSANDS, value) or re.match(_COMMA, value):
        return "data.decimal=comma where the comma is the decimal mark; write numbers without thousands; "
    return ""


def _without(name: str, is_target: bool, as_text: bool = True) -> str:
    as_it_is = f"{listed_as('categorical', name)} takes it as text"
    if is_target:
        return f"correct it in the file, or leave the row out; {as_it_is}" if as_text else "choose another data.target"
    return f"correct it in the file; {as_it_is}; " * as_text + f"{listed_as('drop', name)} leaves it out"


def _vector_problems(column: pd.Series[Any], name: str, where: str, is_target: bool) -> Iterator[Problem]:
    if is_target:
        yield Problem(f"column {name!r} holds vectors; a target has one value per row", where, "data.target=[a,b]")
        return
    width: int | None = None
    for row, value in enumerate(column):
        block = _vector(value)
        if block is None or width not in (None, len(block)):
            found = f"{len(block)} numbers, not {width}" if block is not None else f"{str(value)[:60]!r}"
            what = f"column {name!r} holds vectors, but that of row {row} is {found}"
            yield Problem(what, where, f"{listed_as('drop', name)} leaves it out")
            return
        width = len(block)


def _vector(value: Any) -> npt.NDArray[np.float64] | None:
    try:
        block = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return block if block.ndim == 1 and len(block) else None


def as_numbers(column: pd.Series[Any], kind: Kind) -> npt.NDArray[Any]:
    """Return the values ``[N, k]`` as ``float64``, or whole numbers as they are; what is not a number is NaN.

    Dates are seconds since 1970, durations seconds, vectors their ``k`` components; ``k = 1`` for all else.
    """
    import pandas as pd

    if kind is Kind.VECTOR:
        return np.stack([np.asarray(value, dtype=np.float64) for value in column])
    if kind is Kind.DATE:
        stamps = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
        seconds = (stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        return seconds.to_numpy(dtype=np.float64)[:, None]
    if kind is Kind.DURATION and column.dtype.kind != "m" and len(column):
        column = pd.to_timedelta(column, errors="coerce")
    if column.dtype.kind == "m":
        return np.asarray(column.dt.total_seconds(), dtype=np.float64)[:, None]
    column = pd.to_numeric(column, errors="coerce")
    if column.dtype.kind in "iu" and not column.isna().any():
        whole: npt.NDArray[Any] = column.to_numpy(dtype=np.int64 if column.dtype.kind == "i" else np.uint64)
        return whole[:, None]
    return column.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]
