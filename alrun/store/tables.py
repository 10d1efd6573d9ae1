"""Reader of tables from elsewhere, with limits that are checked before anything is unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.core.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MOST_ROWS", "OPTIONAL", "read_table"]

#: Rows of a table: a thousand steps of a thousand metrics, twice.
MOST_ROWS = 2_000_000
#: Columns that a table has only where a row has a value: tables without one stay, byte for byte, as they were.
OPTIONAL = frozenset({"seconds"})
#: Bytes that a table takes when it is unpacked, and how much more these are than those on the disk.
MOST_BYTES, MOST_GROWTH = 1 << 30, 4096


def read_table(data: bytes, schema: pa.Schema, columns: Sequence[str], most_rows: int = MOST_ROWS) -> pa.Table:
    """Return ``columns`` of a Parquet table, as ``schema`` types them; text as dictionaries, each value held once.

    Those of ``OPTIONAL`` that it does not have are null in all rows. Whatever else the file says, of pandas or of types
    of others' making, is not looked at.

    Raises:
        StoreError: It is no Parquet, has other columns, or would unpack to more than any table of alrun's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [name for name in columns if schema.field(name).type == pa.string()]
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        _check(file.metadata, len(data), most_rows)
        there = [name for name in columns if name not in OPTIONAL or name in file.schema_arrow.names]
        table = file.read(columns=there, use_threads=False).replace_schema_metadata(None)
        for name in set(columns).difference(there):
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
        fields = [(name, _held(schema.field(name).type)) for name in columns]
        return table.select(list(columns)).cast(pa.schema(fields))
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        told = str(error).splitlines() or [type(error).__name__]
        raise StoreError(told[0]) from error


def _held(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.dictionary(pa.int32(), kind) if kind == pa.string() else kind


def _check(metadata: pa.parquet.FileMetaData, size: int, most_rows: int) -> None:
    if metadata.num_rows > most_rows:
        raise StoreError(f"it has {metadata.num_rows} rows, where there can be {most_rows}")
    whole = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if whole > min(MOST_BYTES, MOST_GROWTH * size):
        raise StoreError(f"its {size} bytes unpack to {whole}")
