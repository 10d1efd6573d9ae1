"""Tables from elsewhere: what they hold is known before it is unpacked."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alrun.core.errors import StoreError
from alrun.store.tables import read_table

SCHEMA = pa.schema([("name", pa.string()), ("value", pa.int64())])


def written(names: list[str], values: object, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"name": names, "value": values}), sink, compression="zstd", **options)
    return sink.getvalue()


def test_columns_are_cast_and_text_is_held_once() -> None:
    found = read_table(written(["a", "b", "a"], pa.array([1, 2, 3], pa.int8())), SCHEMA, ["value", "name"])
    assert found.to_pydict() == {"value": [1, 2, 3], "name": ["a", "b", "a"]}
    assert found.schema.field("value").type == pa.int64()
    assert len(found["name"].combine_chunks().dictionary) == 2


def test_no_more_rows_than_there_can_be() -> None:
    data = written(["a"] * 4, [1, 2, 3, 4])
    assert read_table(data, SCHEMA, ["value"], 4).num_rows == 4
    with pytest.raises(StoreError, match="it has 4 rows, where there can be 3"):
        read_table(data, SCHEMA, ["value"], 3)


def test_no_more_bytes_than_any_table_has(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 200_000
    data = written(["a"] * count, np.zeros(count, dtype=np.int64), use_dictionary=["name"])
    assert read_table(data, SCHEMA, ["value"]).num_rows == count
    for name, most in (("MOST_GROWTH", 8 * count // len(data) - 1), ("MOST_BYTES", 8 * count - 1)):
        with monkeypatch.context() as patched:
            patched.setattr(f"alrun.store.tables.{name}", most)
            with pytest.raises(StoreError, match="bytes unpack to"):
                read_table(data, SCHEMA, ["value"])


def without_values() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"name": ["a"]}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"PAR1 no table PAR1", written(["a"], [0.5]), written(["a"], ["text"]), without_values()]
)
def test_what_is_no_such_table_is_one_error(data: bytes) -> None:
    with pytest.raises(StoreError):
        read_table(data, SCHEMA, ["name", "value"])
