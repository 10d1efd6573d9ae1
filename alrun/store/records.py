"""Tables of a run, which can be rebuilt from the checkpoints and the label log at any time.

Equal content gives equal bytes; wall-clock time goes to ``timing.csv`` alone.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.store.append_log import AppendLog
from alrun.store.files import truncate, write_atomic
from alrun.store.reading import Most, is_there, read_bytes
from alrun.store.tables import OPTIONAL, read_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Timing",
    "acquisitions_difference",
    "acquisitions_table",
    "read_acquisitions",
    "read_records",
    "records_difference",
    "records_table",
    "write_acquisitions",
    "write_records",
]

Rows = Sequence[Mapping[str, Any]]


def _record_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("step", pa.int64()),
            ("labels", pa.int64()),
            ("strategy", pa.string()),
            ("split", pa.string()),
            ("metric", pa.string()),
            ("value", pa.float64()),
            ("higher_is_better", pa.bool_()),
            ("reset", pa.string()),
        ]
    )


def _acquisition_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("step", pa.int64()),
            ("order", pa.int64()),
            ("index", pa.int64()),
            ("uuid", pa.string()),
            ("score", pa.float64()),
            ("strategy", pa.string()),
            ("label", pa.string()),
            ("annotator", pa.string()),
            ("cost", pa.float64()),
            ("status", pa.string()),
            ("task", pa.string()),
            ("seconds", pa.float64()),
        ]
    )


def _parquet(rows: Rows, schema: pa.Schema) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = {field.name: [row.get(field.name) for row in rows] for field in schema}
    written = pa.schema(
        [one for one in schema if one.name not in OPTIONAL or any(v is not None for v in values[one.name])]
    )
    table = pa.Table.from_arrays([_column(values[one.name], one.type) for one in written], schema=written)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return ``pa.array(values, kind)``, which would import pandas: half a second of each run.

    Raises:
        TypeError: A value is of another kind.
        OverflowError: A number is larger than the kind can hold.
    """
    import pyarrow as pa

    if kind == pa.string():
        texts = [b"" if value is None else str.encode(value) for value in values]
        data = [array("i", accumulate(map(len, texts), initial=0)), b"".join(texts)]
    elif kind == pa.bool_():
        data = [_bits([value is not None and _truth(value) for value in values])]
    else:
        data = [array("q" if kind == pa.int64() else "d", [0 if value is None else value for value in values])]
    valid = _bits([value is not None for value in values])
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(buffer) for buffer in (valid, *data)])


def _truth(value: Any) -> bool:
    import numpy as np

    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{value!r} is neither true nor false")
    return bool(value)


def _bits(values: Sequence[bool]) -> bytes:
    """Return ``values`` as bits, the first the lowest of the first byte."""
    import numpy as np

    return np.packbits(np.array(values, dtype=bool), bitorder="little").tobytes()


def write_records(path: Path, rows: Rows) -> None:
    """Write ``records.parquet``: one row per metric and step, see the schema in this module."""
    write_atomic(path, _parquet(rows, _record_schema()), durable=True)


def write_acquisitions(path: Path, rows: Rows) -> None:
    """Write ``acquisitions.parquet``: one row per acquired sample, see the schema in this module."""
    write_atomic(path, _parquet(rows, _acquisition_schema()), durable=True)


def read_records(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """Return ``columns`` (by default all) of ``records.parquet``, text as dictionaries; no rows where there is no file.

    Raises:
        StoreError: It cannot be read.
    """
    return _read(path, _record_schema(), columns)


def read_acquisitions(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """Return ``columns`` (by default all) of ``acquisitions.parquet``, as above."""
    return _read(path, _acquisition_schema(), columns)


def records_table(rows: Rows, columns: Sequence[str] = ()) -> pa.Table:
    """Return ``columns`` (by default all) of ``rows`` as ``read_records`` would."""
    schema = _record_schema()
    return read_table(_parquet(rows, schema), schema, columns or schema.names)


def acquisitions_table(rows: Rows) -> pa.Table:
    """Return ``rows`` as ``read_acquisitions`` would."""
    schema = _acquisition_schema()
    return read_table(_parquet(rows, schema), schema, schema.names)


def _read(path: Path, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    columns = columns or schema.names
    try:
        return read_table(read_bytes(path, Most.TABLE), schema, columns)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return read_table(_parquet([], schema), schema, columns)
        raise StoreError(f"{path}: {str(error).removeprefix(f'cannot read {path}: ')}") from error


def records_difference(path: Path, rows: Rows, *, begun: bool = False) -> str:
    """Return in what ``records.parquet`` is not what ``write_records`` would write; empty where it is.

    Args:
        path: The file.
        rows: What it should hold.
        begun: Whether it may also hold fewer rows, or more after them.
    """
    return _difference(path, rows, _record_schema(), begun)


def acquisitions_difference(path: Path, rows: Rows, *, begun: bool = False) -> str:
    """Return in what ``acquisitions.parquet`` is not what ``write_acquisitions`` would write, as above."""
    return _difference(path, rows, _acquisition_schema(), begun)


def _difference(path: Path, rows: Rows, schema: pa.Schema, begun: bool) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    most = 2 * len(rows) + 1000
    try:
        data = read_bytes(path, Most.TABLE)
        expected = _parquet(rows, schema)
        if data == expected:
            return ""
        found = read_table(data, schema, schema.names, most).to_pylist()
    except StoreError as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    wanted = read_table(expected, schema, schema.names, most).to_pylist()
    count = min(len(found), len(wanted)) if begun else max(len(found), len(wanted))
    # As text, since a NaN is not equal to itself.
    if [repr(row) for row in found[:count]] != [repr(row) for row in wanted[:count]]:
        return _told_apart(found, wanted)
    # What another version of the library has written has other bytes.
    same = (
        pq.ParquetFile(pa.BufferReader(data)).metadata.created_by
        == pq.ParquetFile(pa.BufferReader(expected)).metadata.created_by
    )
    return "is damaged, though its rows can still be read" if same and len(found) == len(wanted) else ""


def _told_apart(found: Rows, wanted: Rows) -> str:
    if len(found) != len(wanted):
        return f"has {len(found)} rows, the commits have {len(wanted)}"
    number, one, other = next(
        (n, f, w) for n, (f, w) in enumerate(zip(found, wanted, strict=True)) if repr(f) != repr(w)
    )
    names = [name for name in other if repr(one.get(name)) != repr(other[name])]
    return f"row {number} differs from what the commits say in {', '.join(names) or 'its columns'}"


class Timing:
    """``timing.csv``: seconds of each phase; the only file of a run that holds wall-clock time."""

    def __init__(self, path: Path) -> None:
        """Open the table, reading what earlier sessions took."""
        content = read_bytes(path, Most.TABLE) if is_there(path) else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            truncate(path, whole)
        self.elapsed = _elapsed(content[:whole].decode(errors="replace"))
        self._log = AppendLog(path, durable=False)
        if not whole:
            self._log.append(b"step,phase,seconds\n")

    def add(self, step: int, phase: str, seconds: float) -> None:
        """Add one row."""
        self.elapsed += seconds
        self._log.append(f"{step},{phase},{seconds:.6f}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def _elapsed(content: str) -> float:
    """Return the sum of the last column; a damaged line counts nothing, and neither does the first, of names."""
    total = 0.0
    for line in content.splitlines():
        try:
            seconds = float(line.rsplit(",", 1)[1])
        except (IndexError, ValueError):
            continue
        total += seconds if math.isfinite(seconds) else 0.0
    return total
