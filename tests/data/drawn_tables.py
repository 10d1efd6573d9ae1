"""Tables with the traps of pandas, Arrow and Excel, drawn by hypothesis; and what must become of each of their columns.

A column is drawn as a kind of values. ``FATES`` says, for each kind and family of formats, whether it is to be read as
numbers (``N``), as categories (``C``), left out (``L``) or refused by its name (``R``).
"""

from __future__ import annotations

import datetime
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from hypothesis import strategies as st

ROWS = 24
TARGET = "kind"
FORMATS = ("csv", "csv", "csv.gz", "tsv", "parquet", "pq", "feather", "jsonl", "xlsx")
FAMILIES = {"parquet": "arrow", "pq": "arrow", "feather": "arrow", "jsonl": "lines", "xlsx": "book"}
NAMES = ["a", "Höhe", "col 2", "x.1", "Unnamed: 0", "kind.1", "b", "null", "1.10", " a", "it's", 'q"t', "x,y", "True"]
STRAYS = ["?", "-", "1,5", "1.234,5", "12 %", "n/a?", "0x10", "-999?", "five", "1.2.3"]
LEVELS = ["red", "blue", "NA?", "true-ish", "x y", "ü", "(none)"]
#: What becomes of a kind of column in a text file, in Arrow, in lines of JSON and in a workbook.
FATES = {
    **dict.fromkeys(("float", "far", "integer", "big", "beyond", "sentinel", "constant", "decimal", "spaced"), "NNNN"),
    **dict.fromkeys(("bool", "truth", "level", "gap", "code", "category"), "CCCC"),
    **dict.fromkeys(("stray", "mixed", "missing", "nullable", "infinite", "huge"), "RRRR"),
    **dict.fromkeys(
        (
            "clock",
            "time",
            "ragged",
            "names",
            "struct",
        ),
        "RRRR",
    ),
    **dict.fromkeys(("locale", "minus", "percent", "money"), "RRRR"),
    **dict.fromkeys(("date", "stamp", "zone"), "LLLL"),
    "bytes": "RRRR",
    "duration": "RNRN",
    "vector": "RNNR",
}
TRUTHS = [("yes", "no"), ("True", "False"), ("TRUE", "FALSE"), ("t", "f"), ("ja", "nein")]


@dataclass(frozen=True)
class Column:
    """Values, and what they are.

    Attributes:
        kind: One of ``FATES``.
        values: One per row.
        odd: Text that a refusal shows; empty where it shows none.
    """

    kind: str
    values: list[Any]
    odd: str = ""

    def fate(self, family: str) -> str:
        return FATES[self.kind][("text", "arrow", "lines", "book").index(family)]

    def numbers(self) -> np.ndarray[Any, Any]:
        """Return ``[N, k]``, less the first row, as exactly as ``float64`` can."""
        rows = [one if isinstance(one, list) else [_plain(one)] for one in self.values]
        return np.array([[float(x - y) for x, y in zip(row, rows[0], strict=True)] for row in rows])

    def levels(self) -> tuple[int, list[int]]:
        """Return how many categories there are, and the place of each row's; what is missing comes last."""
        found = sorted({str(one) for one in self.values if one is not None})
        places = [len(found) if one is None else found.index(str(one)) for one in self.values]
        return max(places) + 1, places


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return Decimal(value.strip())
    return value.total_seconds() if isinstance(value, datetime.timedelta) else value


@dataclass(frozen=True)
class Drawn:
    """A table, and how it is to be written.

    Attributes:
        columns: The columns, by name.
        target: Values of the target.
        format: Ending of the file.
        sep, decimal, encoding: Of a text file.
        trap: What else is wrong with the file.
    """

    columns: dict[str, Column]
    target: list[Any]
    format: str
    sep: str
    decimal: str
    encoding: str
    trap: str

    @property
    def family(self) -> str:
        return FAMILIES.get(self.format, "text")

    def with_fate(self, fate: str) -> dict[str, Column]:
        return {name: one for name, one in self.columns.items() if one.fate(self.family) == fate}


def values_of(kind: str, rng: np.random.Generator) -> Column:
    """Return a column of ``kind``."""
    numbers, row = rng.normal(size=ROWS).round(3), int(rng.integers(1, ROWS))
    wholes = [int(one) for one in rng.integers(0, 50, ROWS)]
    texts = [f"{one:.3f}" for one in numbers]
    minutes = [datetime.timedelta(minutes=one) for one in wholes]
    clocks = [datetime.time(one % 24, one) for one in wholes]
    days = [datetime.datetime(2024, 1, 1) + datetime.timedelta(days=one) for one in wholes]

    def planted(values: list[Any], value: Any) -> list[Any]:
        return [*values[:row], value, *values[row + 1 :]]

    stray, pair = STRAYS[int(rng.integers(len(STRAYS)))], TRUTHS[int(rng.integers(len(TRUTHS)))]
    far, unit, same = (float(rng.choice(several)) for several in ([1e6, -2e9, 1.7e9], [1.0, 1e-6, 1e6], [0, 7, 2.5]))
    locale = [f"{one % 7 + 1}.{100 + one},{one % 10}" for one in wholes]
    made: dict[str, Callable[[], Column]] = {
        "float": lambda: Column(kind, (numbers * unit).tolist()),
        "far": lambda: Column(kind, (numbers + far).round(3).tolist()),
        "integer": lambda: Column(kind, [one - 9 for one in wholes]),
        "big": lambda: Column(kind, [2**60 + one for one in wholes]),
        "beyond": lambda: Column(kind, [2**63 + one for one in wholes]),
        "huge": lambda: Column(kind, [10**30 + one for one in wholes[:-2]] + [10**30, 10**30 + 1]),
        "sentinel": lambda: Column(kind, planted(wholes, -999)),
        "constant": lambda: Column(kind, [same] * ROWS),
        "decimal": lambda: Column(kind, [Decimal(one) for one in texts]),
        "spaced": lambda: Column(kind, [f" {one} " for one in texts]),
        "bool": lambda: Column(kind, [one % 2 == 0 for one in wholes]),
        "truth": lambda: Column(kind, [pair[one % 2] for one in wholes]),
        "level": lambda: Column(kind, [LEVELS[one % len(LEVELS)] for one in wholes]),
        "category": lambda: Column(kind, [LEVELS[one % 3] for one in wholes]),
        "gap": lambda: Column(kind, planted([LEVELS[one % 3] for one in wholes], None)),
        "code": lambda: Column(kind, [f"{one % 9 + 1:03d}" for one in wholes]),
        "stray": lambda: Column(kind, planted(texts, stray), stray),
        "mixed": lambda: Column(kind, planted(numbers.tolist(), stray), stray),
        "missing": lambda: Column(kind, planted(numbers.tolist(), None)),
        "nullable": lambda: Column(kind, planted(wholes, None)),
        "infinite": lambda: Column(kind, planted(numbers.tolist(), float("inf"))),
        "locale": lambda: Column(kind, locale, locale[0]),
        "minus": lambda: Column(kind, [f"\u2212{abs(one):.3f}" for one in numbers], "\u2212"),
        "percent": lambda: Column(kind, [f"{one} %" for one in wholes], "%"),
        "money": lambda: Column(kind, [f"${one}.50" for one in wholes], "$"),
        "date": lambda: Column(kind, [f"{one:%Y-%m-%d}" for one in days]),
        "stamp": lambda: Column(kind, days),
        "zone": lambda: Column(kind, [f"{one:%Y-%m-%dT%H:%M:%S}+02:00" for one in days]),
        "clock": lambda: Column(kind, [f"{one:%H:%M}" for one in clocks], f"{clocks[0]:%H:%M}"),
        "time": lambda: Column(kind, clocks, f"{clocks[0]:%H:%M}"),
        "duration": lambda: Column(kind, minutes),
        "vector": lambda: Column(kind, [[float(x), float(x) ** 2, 0.5] for x in numbers]),
        "ragged": lambda: Column(kind, planted([[float(x), 1.0] for x in numbers], [0.5])),
        "names": lambda: Column(kind, [["p", "q"]] * ROWS),
        "struct": lambda: Column(kind, [{"x": float(one)} for one in numbers]),
        "bytes": lambda: Column(kind, [bytes([one, 255 - one]) for one in wholes]),
    }
    return made[kind]()


@st.composite
def columns(draw: Any, sound: bool) -> Column:
    """Return a column; ``sound`` ones are refused in no format."""
    kinds = sorted(name for name, fates in FATES.items() if not sound or "R" not in fates)
    return values_of(draw(st.sampled_from(kinds)), np.random.default_rng(draw(st.integers(0, 2**16))))


TARGETS: dict[str, list[Any]] = {
    **{"words": ["hit", "miss"], "codes": ["01", "02"], "numbers": [3, 4], "odd": ["x", "None?"], "one": ["hit"] * 2},
    **{"truths": [True, False], "texts": ["yes", "no"], "far": [2**60, 2**60 + 1], "missing": ["hit", None]},
    **{"stray": [], "value": [], "dates": []},
}
TRAPS = [
    "",
    "",
    "",
    "",
    "twice",
    "nameless",
    "sep",
    "encoding",
    "longer",
    "shorter",
    "sep line",
    "lines",
    "index",
    "sheets",
]


def _target(kind: str, rng: np.random.Generator) -> list[Any]:
    if kind == "value":
        return [float(one) for one in rng.normal(size=ROWS).round(4) + 93421]
    if kind == "stray":
        return ["?" if row == 5 else str(row % 2) for row in range(ROWS)]
    if kind == "dates":
        return [f"2024-01-{row % 2 + 1:02d}" for row in range(ROWS)]
    return [TARGETS[kind][row % 2] for row in range(ROWS)]


@st.composite
def tables(draw: Any) -> Drawn:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    sound = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return Drawn(
        columns={name: draw(columns(sound)) for name in names},
        target=_target(draw(st.sampled_from(["words"] * 4 + sorted(TARGETS))), rng),
        format=draw(st.sampled_from(FORMATS)),
        sep=draw(st.sampled_from([",", ";", "\t", "|"])),
        decimal=draw(st.sampled_from([".", ","])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-16-le"])),
        trap=draw(st.sampled_from(TRAPS)),
    )


def save(case: Drawn, path: Path) -> dict[str, Any]:
    """Write the table to ``path``; return the options that read it."""
    values = {name: one.values for name, one in case.columns.items()} | {TARGET: case.target}
    if case.family == "arrow":
        return _arrow(case, values, path)
    if case.family == "lines":
        plain = {
            name: [str(one) if isinstance(one, bytes) else one for one in column] for name, column in values.items()
        }
        _frame(plain).to_json(path, orient="records", lines=True, double_precision=15, date_format="iso")
        return {}
    return _book(case, values, path) if case.family == "book" else _text(case, values, path)


def _frame(values: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(column, dtype=_dtype(column)) for name, column in values.items()})


def _dtype(column: list[Any]) -> Any:
    """Return ``None`` for what pandas infers, else ``object``: of integers beside ``None`` it makes floats."""
    kinds = {type(one) for one in column}
    return None if len(kinds) == 1 and kinds <= {int, float, bool, datetime.timedelta, datetime.datetime} else object


def _rows(case: Drawn, values: dict[str, list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows, with the traps of formats that have such."""
    names, columns = list(values), list(values.values())
    if case.trap == "twice":
        names, columns = [TARGET, *names], [case.target, *columns]
    if case.trap == "nameless":
        names, columns = ["", *names], [list(range(ROWS)), *columns]
    return names, [list(row) for row in zip(*columns, strict=True)]


def _arrow(case: Drawn, values: dict[str, list[Any]], path: Path) -> dict[str, Any]:
    made = {name: _arrow_column(name, case, column) for name, column in values.items()}
    names, arrays = list(made), list(made.values())
    if case.trap == "twice":
        names, arrays = [TARGET, *names], [made[TARGET], *arrays]
    if case.trap == "nameless":
        names, arrays = ["", *names], [pa.array(range(ROWS)), *arrays]
    table = pa.Table.from_arrays(arrays, names)
    if case.trap == "index":
        frame = table.to_pandas()
        frame.index = pd.Index(range(100, 100 + ROWS), name="row")
        table = pa.Table.from_pandas(frame)
    writer = pa.feather.write_feather if case.format == "feather" else pa.parquet.write_table
    writer(table, str(path))
    return {}


def _arrow_column(name: str, case: Drawn, values: list[Any]) -> pa.Array:
    kind = case.columns[name].kind if name in case.columns else ""
    if kind == "category":
        return pa.array(values).dictionary_encode()
    if kind == "huge":
        return pa.array([Decimal(one) for one in values], pa.decimal128(38))
    if kind == "mixed":
        return pa.array([str(one) for one in values])  # Arrow has no column of several types
    return pa.array(values, pa.uint64() if kind == "beyond" else None)


def _book(case: Drawn, values: dict[str, list[Any]], path: Path) -> dict[str, Any]:
    import openpyxl

    names, rows = _rows(case, values)
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [names, *rows]:
        sheet.append([_cell(one) for one in row])
    if case.trap == "sheets":
        book.create_sheet("notes").append(["nothing"])
    book.save(path)
    return {}


def _cell(value: Any) -> Any:
    """Return what a cell can hold: text for all that is no number, truth value, date or time, and for long numbers."""
    if isinstance(value, int) and abs(value) >= 10**15:
        return str(value)
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, list | dict | bytes) else value


def _text(case: Drawn, values: dict[str, list[Any]], path: Path) -> dict[str, Any]:
    sep = "\t" if case.format == "tsv" else case.sep
    # Texts among numbers keep the point, so that what is odd stays odd.
    plain = sep == "," or any(one.kind in ("stray", "mixed", "spaced") for one in case.columns.values())
    decimal = "." if plain else case.decimal
    names, rows = _rows(case, values)
    # An encoding that has the names, which others would not read.
    encoding = case.encoding if case.encoding not in ("latin-1", "cp1252") or "minus" not in _kinds(case) else "utf-8"
    lines = [_line(row, sep, decimal) for row in [names, *rows]]
    if case.trap == "longer":
        lines[3] += f"{sep}7"
    if case.trap == "shorter":
        lines[3] = lines[3].rpartition(sep)[0]
    if case.trap == "sep line":
        lines.insert(0, f"sep={sep}")
    text = ("\r\n" if case.trap == "lines" else "\n").join([*lines, "", ""][: None if case.trap == "lines" else -1])
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if case.format == "csv.gz" else data)
    known = {"utf-8-sig": None, "utf-8": None}
    given = {
        "sep": None if case.format == "tsv" else sep,
        "decimal": decimal,
        "encoding": known.get(encoding, encoding),
    }
    if case.trap in ("sep", "encoding"):
        given[case.trap] = None
    return given


def _kinds(case: Drawn) -> set[str]:
    return {one.kind for one in case.columns.values()}


def _line(row: list[Any], sep: str, decimal: str) -> str:
    return sep.join(_field(value, sep, decimal) for value in row)


def _field(value: Any, sep: str, decimal: str) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, float | Decimal):
        text = text.replace(".", decimal)
    if isinstance(value, datetime.timedelta):
        text = str(pd.Timedelta(value))
    return '"' + text.replace('"', '""') + '"' if {sep, '"', "\n"} & set(text) or text != text.strip() else text
