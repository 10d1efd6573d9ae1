"""The tables of a run: the bytes that pyarrow gives by itself, without the pandas that it would import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import SMALL, Warm  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st

from alrun.store.records import acquisitions_difference, read_acquisitions, write_acquisitions, write_records

NUMBER, TEXT = st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]))
KINDS = {"int64": NUMBER, "string": TEXT, "double": st.floats(width=64), "bool": st.booleans()}
WRITERS = [write_records, write_acquisitions]
Write = Callable[[Path, Sequence[Mapping[str, Any]]], None]
RUN = """
import sys
from alrun.cli.main import main
before = "pandas" in sys.modules
code = main(sys.argv[1:])
print("pandas", before, "pandas" in sys.modules)
sys.exit(code)
"""


def written(write: Write, path: Path, rows: Sequence[Mapping[str, Any]]) -> bytes:
    write(path, rows)
    return path.read_bytes()


@pytest.mark.parametrize("write", WRITERS)
@given(data=st.data())
def test_the_bytes_are_those_of_pyarrow(tmp_path_factory: pytest.TempPathFactory, write: Write, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / write.__name__
    written(write, path, [])
    schema = pq.read_schema(path)
    row = st.fixed_dictionaries({}, optional={field.name: st.none() | KINDS[str(field.type)] for field in schema})
    rows = data.draw(st.lists(row, max_size=20))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
    assert written(write, path, rows) == sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"step": 2.5}, TypeError),
        ({"step": 2**63}, OverflowError),
        ({"value": "0.5"}, TypeError),
        ({"metric": 3}, TypeError),
        ({"metric": b"f1"}, TypeError),
        ({"metric": "\ud800"}, UnicodeEncodeError),
        ({"higher_is_better": 1}, TypeError),
    ],
    ids=repr,
)
def test_values_of_another_kind_are_refused(tmp_path: Path, row: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        write_records(tmp_path / "records.parquet", [row])
    assert list(tmp_path.iterdir()) == []


def test_annotation_times_have_a_column_where_one_is_known(tmp_path: Path) -> None:
    path, rows = tmp_path / "acquisitions.parquet", [{"step": 0, "order": order, "cost": 1.0} for order in (0, 1)]
    without = written(write_acquisitions, path, rows)
    assert "seconds" not in pq.read_schema(path).names
    assert read_acquisitions(path)["seconds"].to_pylist() == [None, None]
    assert acquisitions_difference(path, rows) == ""
    timed = [rows[0], rows[1] | {"seconds": 2.5}]
    assert acquisitions_difference(path, timed) == "row 1 differs from what the commits say in seconds"
    assert written(write_acquisitions, path, timed) != without
    assert read_acquisitions(path)["seconds"].to_pylist() == [None, 2.5]
    assert acquisitions_difference(path, timed) == ""


def test_a_run_imports_no_pandas(warm: Warm, tmp_path: Path) -> None:
    answer = warm.run(tmp_path, *SMALL, code=RUN)
    assert answer.code == 0, answer
    assert answer.out.splitlines()[-1] == "pandas False False"
