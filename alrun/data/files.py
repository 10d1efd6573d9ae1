"""Table files, read faithfully: no name is invented, no column dropped, and no code turned into a number."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from alrun.core.errors import DataError, Problem
from alrun.data.column_names import listed_as
from alrun.data.problems import fail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "FileOptions", "TableFile", "read_file"]

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".jsonl", ".parquet", ".pq", ".feather", ".xlsx")
#: What separators and decimal marks may be called, so that no shell takes them away.
_MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "point": ".", "\\t": "\t"}
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_PADDED = re.compile(rb"(?:^|[^0-9A-Za-z.+-])[ ]*[+-]?0[0-9]")
#: Bytes: the beginning of a file, and what is read of it at once.
_HEAD, _BLOCK = 1 << 16, 1 << 20


@dataclass(frozen=True)
class FileOptions:
    """How a file is written, where its name does not say.

    Attributes:
        sep: What stands between the fields of a text file, or its name (comma, semicolon, tab, pipe, space).
        encoding: Encoding of a text file; UTF-8 by default.
        decimal: Decimal mark of a text file, or its name (point, comma).
        na_values: Texts that mean that a value is missing, beside an empty field; ``None`` for those of pandas.
        sheet: Name or number (from 0) of the sheet of a workbook.
    """

    sep: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    na_values: Sequence[Any] | None = None
    sheet: str | int | None = None

    def missing(self) -> dict[str, Any]:
        """Return what pandas is told of missing values."""
        if self.na_values is None:
            return {}
        for value in self.na_values:
            if value is None or isinstance(value, bool):
                word = "null" if value is None else str(value).lower()
                raise fail(f"{word} is read as no text", "data.na_values", listed_as("na_values", word))
        return {"keep_default_na": False, "na_values": ["", *map(str, self.na_values)]}


@dataclass(frozen=True)
class TableFile:
    """A table as it was read.

    Attributes:
        frame: The columns, by name.
        left_out: What the table has beside them, and why it is left out.
        text: Returns a column as it is written in a text file, before anything is taken for missing.
    """

    frame: pd.DataFrame
    left_out: dict[str, str] = field(default_factory=dict)
    text: Callable[[str], pd.Series[Any]] | None = None


def read_file(file: Path, options: FileOptions) -> TableFile:
    """Return the table.

    Raises:
        DataError: It cannot be parsed, two columns have one name, or it has no rows.
    """
    name = file.name.lower()
    read = next((reader for suffix, reader in _READERS.items() if name.endswith(suffix)), _delimited)
    if read is not _delimited and (problems := list(_unused(options, read is _workbook, read is _lines))):
        raise DataError(problems)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A row that is longer than the header is cut off with a warning alone.
            warnings.filterwarnings("error", message="Length of header")
            table = read(file, options)
    except DataError:
        raise
    except UnicodeError as error:
        raise fail(f"is not {options.encoding or 'UTF-8'}: {error}", str(file), _encoding_hint(file)) from error
    except LookupError as error:
        raise fail(f"cannot be read as a table: {error}", str(file), "data.encoding=utf-8") from error
    except Exception as error:
        hint = _sep_hint(file, options) if read is _delimited else ""
        raise fail(f"cannot be read as a table: {error}", str(file), hint) from error
    if table.frame.empty:
        raise fail("the table has no rows", str(file))
    return table


def _unused(options: FileOptions, is_workbook: bool, is_text: bool) -> list[Problem]:
    """Return options that mean nothing for the format."""
    given: dict[str, Any] = {"sep": options.sep, "decimal": options.decimal}
    if not is_text:
        given["encoding"] = options.encoding
    if not is_workbook:
        given |= {"na_values": options.na_values, "sheet": options.sheet}
    return [
        Problem("does not apply to a file of this kind", f"data.{key}", f"data.{key}=null")
        for key, value in given.items()
        if value is not None
    ]


def _delimited(file: Path, options: FileOptions) -> TableFile:
    import pandas as pd

    if options.sheet is not None:
        raise fail("only workbooks have sheets", "data.sheet", "data.sheet=null")
    sep = _sep(file, options)
    shared: dict[str, Any] = {"sep": sep, "encoding": options.encoding, "low_memory": False}
    head = pd.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False, **shared)
    names = [str(each) for each in head.iloc[0]]
    if any("\0" in name for name in names):
        raise fail("is not UTF-8: it holds NUL characters", str(file), _encoding_hint(file))
    if names[0].lower().startswith("sep=") and len(sep.join(names)) <= len("sep=;"):
        mark = _NAMES.get(sep.join(names)[-1], "comma")
        what = f"the first line, {sep.join(names)!r}, tells Excel what separates the fields"
        raise fail(what, str(file), f"remove this line; data.sep={mark}")
    if hint := _sep_hint(file, options, len(names)):
        what = f"the first line is {'one column' if len(names) == 1 else f'{len(names)} columns'}, separated by {sep!r}"
        raise fail(what, str(file), hint)
    _refuse_repeated(names, file)
    shared |= {"header": 0, "names": list(range(len(names))), "index_col": False}
    decimal = _MARKS.get(options.decimal or "", options.decimal) or "."
    frame = pd.read_csv(file, decimal=decimal, **shared, **options.missing())

    def text(column: int, **missing: Any) -> pd.Series[Any]:
        written: pd.Series[Any] = pd.read_csv(file, usecols=[column], dtype=str, **shared, **missing)[column]
        return written

    if _may_be_padded(file):
        for column in (number for number in frame if _is_whole(frame[number])):
            written = text(column, **options.missing())
            if written.str.match(r"\s*[+-]?0\d+\s*$").any():
                frame[column] = written  # a code: 007 is not 7
    place = {name: number for number, name in enumerate(names)}
    return _named(frame, names, lambda name: text(place[name], keep_default_na=False))


def _lines(file: Path, options: FileOptions) -> TableFile:
    import pandas as pd

    plain: dict[str, Any] = {"dtype": False, "convert_dates": False, "convert_axes": False}
    encoding = options.encoding or "utf-8"
    try:
        frame = pd.read_json(file, lines=True, precise_float=True, encoding=encoding, **plain)
    except ValueError as error:
        raise _too_long(file, encoding) or error from error
    return _named(frame, [str(name) for name in frame.columns])


def _too_long(file: Path, encoding: str) -> DataError | None:
    """Return the error of the first whole number that no 64 bits hold, where there is one."""
    with file.open(encoding=encoding) as lines:
        for row, line in enumerate(lines):
            try:
                values = json.loads(line)
            except ValueError:
                return None
            for name, value in values.items() if isinstance(values, dict) else ():
                if isinstance(value, int) and not -(2**63) <= value < 2**64:
                    what = f"column {name!r} is {value} in row {row}, which 64 bits do not hold"
                    return fail(what, str(file), f"write it as text, or another unit; {listed_as('drop', name)}")
    return None


def _workbook(file: Path, options: FileOptions) -> TableFile:
    import pandas as pd

    try:
        import openpyxl  # noqa: F401 - pandas reads workbooks by it
    except ImportError as error:
        raise fail(
            "a workbook is read by openpyxl, which is not installed", str(file), "pip install openpyxl"
        ) from error
    with pd.ExcelFile(file, engine="openpyxl") as book:
        sheets = [str(name) for name in book.sheet_names]
        sheet = options.sheet if options.sheet is not None else 0
        known = sheet in sheets if isinstance(sheet, str) else 0 <= sheet < len(sheets)
        if not known or (options.sheet is None and len(sheets) > 1):
            what = f"there is no sheet {sheet!r}" if not known else f"there are {len(sheets)} sheets"
            raise fail(f"{what}: {', '.join(sheets)}", "data.sheet", f"data.sheet={sheets[0]}")
        cells = book.parse(sheet, header=None, dtype=object, **options.missing())
        # A column may be called NA or null.
        head = book.parse(sheet, header=None, dtype=object, nrows=1, na_filter=False)
    if cells.empty:
        raise fail("the sheet is empty", str(file))
    names = ["" if each is None or each != each else str(each) for each in head.iloc[0]]
    _refuse_repeated(names, file)
    return _named(cells.iloc[1:].reset_index(drop=True).infer_objects(), names)


def _columnar(file: Path, options: FileOptions) -> TableFile:
    import pandas as pd

    if file.name.lower().endswith(".feather"):
        frame = pd.read_feather(file)
        names = [str(name) for name in frame.columns]
        _refuse_repeated(names, file)
    else:
        import pyarrow.parquet as pq

        _refuse_repeated(list(map(str, pq.read_schema(file).names)), file)  # which pandas does not read
        frame = pd.read_parquet(file)
        names = [str(name) for name in frame.columns]
    index = [str(name) for name in frame.index.names if name is not None]
    table = _named(frame.reset_index(drop=True), names)
    table.left_out.update(dict.fromkeys(index, "the index of the data frame that was saved"))
    return table


_READERS: dict[str, Callable[[Path, FileOptions], TableFile]] = {
    ".parquet": _columnar,
    ".pq": _columnar,
    ".feather": _columnar,
    ".jsonl": _lines,
    ".xlsx": _workbook,
}


def _named(frame: pd.DataFrame, names: Sequence[str], text: Callable[[str], pd.Series[Any]] | None = None) -> TableFile:
    """Return the columns under their ``names``, without those that have none."""
    kept = [number for number, name in enumerate(names) if name.strip()]
    nameless = {f"column {number}": "a column without a name" for number, name in enumerate(names) if not name.strip()}
    frame = frame.iloc[:, kept]
    frame.columns = [names[number] for number in kept]
    return TableFile(frame, nameless, text)


def _refuse_repeated(names: Sequence[str], file: Path) -> None:
    repeated = {name for name in names if name.strip() and names.count(name) > 1}
    if repeated:
        twice = next(name for name in names if name in repeated)
        places = ", ".join(str(place) for place, name in enumerate(names) if name == twice)
        raise fail(f"{names.count(twice)} columns are called {twice!r} (columns {places})", str(file), "rename one")


def _is_whole(column: pd.Series[Any]) -> bool:
    """Return whether a column has been read as whole numbers, which codes with leading zeros look like."""
    if column.dtype.kind in "iu":
        return True
    return column.dtype.kind == "f" and bool((column.dropna() % 1 == 0).all())


def _sep(file: Path, options: FileOptions) -> str:
    default = "\t" if file.name.lower().endswith(".tsv") else ","
    return _MARKS.get(options.sep or "", options.sep) or default


def _opened(file: Path) -> IO[bytes]:
    if file.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.GzipFile(file))
    return file.open("rb")


def _head(file: Path) -> bytes:
    with _opened(file) as stream:
        return stream.read(_HEAD)


def _may_be_padded(file: Path) -> bool:
    """Return whether a number with a leading zero may be anywhere in the file; a fast first look."""
    with _opened(file) as stream:
        tail = b""
        while block := stream.read(_BLOCK):
            if _PADDED.search(tail + block) or b"\0" in block:
                return True
            tail = block.rpartition(b"\n")[2]
    return False


def _sep_hint(file: Path, options: FileOptions, columns: int = 0) -> str:
    """Return which option to set where the first line is parted by something else into more columns."""
    try:
        line = _head(file).decode(options.encoding or "utf-8", errors="replace").lstrip("\r\n").splitlines()[0]
    except (IndexError, OSError, LookupError):
        return ""
    used = _sep(file, options)
    best = max(_NAMES, key=line.count)
    if best == used or line.count(best) < max(1, columns) or line.count(best) <= line.count(used):
        return ""
    mark = " data.decimal=comma" if used == "," and best == ";" and re.search(rb"\d,\d", _head(file)) else ""
    return f"data.sep={_NAMES[best]}{mark} (the first line has {line.count(best)} of {best!r})"


def _encoding_hint(file: Path) -> str:
    head = _head(file)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "data.encoding=utf-16 (the file begins with its mark)"
    if head.count(0) > len(head) // 4:
        return "data.encoding=utf-16-le" if head[1:2] == b"\0" else "data.encoding=utf-16-be"
    return "data.encoding=cp1252, if it comes from Windows, or data.encoding=latin-1"
