"""Columns of real files: taken for what they are, or refused with their name, a value and its row."""

from __future__ import annotations

import datetime
import decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.core.errors import DataError
from alrun.data.table import Table

ROWS = 40
NUMBERS = np.round(np.linspace(-2, 3, ROWS), 3)
KINDS = np.array(["hit", "miss"])[np.arange(ROWS) % 2]


def saved(folder: Path, name: str = "t.parquet", **columns: Any) -> str:
    frame, path = pd.DataFrame({**columns, "kind": KINDS}), folder / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".feather"):
        frame.to_feather(path)
    elif name.endswith(".jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, float_format="%.3f")
    return str(path)


def written(folder: Path, text: str, encoding: str = "utf-8", name: str = "t.csv") -> str:
    (folder / name).write_bytes(text.encode(encoding))
    return str(folder / name)


def refused(path: str, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        Table(path, "kind", **options)
    return str(caught.value)


def inputs(source: Table) -> np.ndarray[Any, Any]:
    return source.inputs(torch.arange(len(source))).numpy()


def with_stray(value: str, row: int = 7) -> list[str]:
    texts = [f"{number:.3f}" for number in NUMBERS]
    texts[row] = value
    return texts


@pytest.mark.parametrize("value", ["?", "-", "n.a.", "1,234.5", "1.234,5", "12%", "$3", "1e", "0x1f", "five"])
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_a_stray_value_among_numbers_is_named(tmp_path: Path, name: str, value: str) -> None:
    path = saved(tmp_path, name, a=with_stray(value))
    text = refused(path)
    assert "'a'" in text
    assert repr(value) in text
    assert "row 7" in text
    assert Table(path, "kind", categorical=["a"]).spec.input_shape == (ROWS,)


@pytest.mark.parametrize("form", ["{:.3f}%", "$ {:.3f}", "12,{:03.0f}"])
def test_numbers_in_other_forms_are_not_categories(tmp_path: Path, form: str) -> None:
    assert "'a'" in refused(saved(tmp_path, a=[form.format(abs(number)) for number in NUMBERS]))


def test_decimals_durations_and_vectors_are_numbers(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(ROWS, 4))
    path = saved(
        tmp_path,
        price=[decimal.Decimal(f"{number:.3f}") for number in NUMBERS],
        took=pd.to_timedelta(NUMBERS + 5, unit="s"),
        vec=list(vectors),
    )
    source = Table(path, "kind")
    expected = np.column_stack([NUMBERS, NUMBERS + 5, vectors])
    np.testing.assert_allclose(inputs(source), expected, rtol=1e-6)
    assert source.spec.standardize == tuple(range(6))
    assert source.notes == (
        "column 'price': number",
        "column 'took': number (seconds)",
        "column 'vec': 4 numbers",
        "target 'kind': 2 classes (hit, miss)",
    )


def test_dates_are_left_out_and_said_or_seconds(tmp_path: Path) -> None:
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(ROWS)]
    for name in ("t.parquet", "t.csv", "t.jsonl"):
        path = saved(tmp_path, name, a=NUMBERS, day=[str(day) for day in days])
        source = Table(path, "kind")
        assert source.spec.input_shape == (1,)
        assert "column 'day': left out (a date; data.numeric=[day] takes it as seconds)" in source.notes
        seconds = inputs(Table(path, "kind", numeric=["a", "day"]))[:, 1]
        np.testing.assert_allclose(np.diff(seconds), 86400)
    assert "'soon' in row 3" in refused(saved(tmp_path, day=[str(day) if day != days[3] else "soon" for day in days]))


@pytest.mark.parametrize(
    "values",
    [
        [[1.0, 2.0]] * (ROWS - 1) + [[1.0]],
        [{"x": 1.0}] * ROWS,
        [datetime.time(8, 30)] * ROWS,
        ["08:30"] * ROWS,
        [b"\x00\x01"] * ROWS,
        [["p", "q"]] * ROWS,
    ],
)
def test_what_is_neither_is_refused_by_name(tmp_path: Path, values: list[Any]) -> None:
    assert "column 'a'" in refused(saved(tmp_path, b=NUMBERS, a=values))


def test_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    rows = "".join(f"{1 + row % 3:02d},{row / 8},{'00501' if row % 2 else '00502'}\n" for row in range(ROWS))
    source = Table(written(tmp_path, "zone,b,kind\n" + rows), "kind")
    assert source.spec.class_names == ("00501", "00502")
    assert source.spec.input_shape == (1 + 3,)
    assert "column 'zone': category with 3 levels" in source.notes


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_a_stray_class_among_numbers_is_named(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name, a=with_stray("0.5"), mark=["1", "0"] * (ROWS // 2 - 1) + ["1", "?"])
    with pytest.raises(DataError, match=r"'mark' holds numbers, but '\?' in row 39"):
        Table(path, "mark")
    assert Table(path, "mark", categorical=["mark", "kind"]).spec.num_outputs == 3


def test_names_are_those_of_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row / 8},{KINDS[row]},{KINDS[row]}\n" for row in range(ROWS))
    assert "2 columns are called 'kind' (columns 2, 3)" in refused(written(tmp_path, "a,b,kind,kind\n" + rows))
    source = Table(written(tmp_path, ",b,kind, \n" + rows), "kind")
    assert source.spec.input_shape == (1,)
    assert {note for note in source.notes if "left out" in note} == {
        "column 'column 0': left out (a column without a name)",
        "column 'column 3': left out (a column without a name)",
    }
    longer = written(tmp_path, "a,b,kind\n" + rows)
    assert "cannot be read as a table" in refused(longer)


@pytest.mark.parametrize("token", ["NA", "None", "null", "nan"])
def test_classes_that_read_as_missing_name_the_option(tmp_path: Path, token: str) -> None:
    rows = "".join(f"{row / 8},{token if row % 2 else 'AP'}\n" for row in range(ROWS))
    path = written(tmp_path, "a,kind\n" + rows)
    text = refused(path)
    assert f"'kind' is {token!r} in row 1 (and in 19 more rows)" in text
    assert "data.na_values=[]" in text
    assert set(Table(path, "kind", na_values=[]).spec.class_names) == {"AP", token}
    assert "'a' is '-999' (a missing value) in row 3" in refused(
        written(tmp_path, "a,kind\n" + "".join(f"{-999 if row == 3 else row},{KINDS[row]}\n" for row in range(ROWS))),
        na_values=[-999],
    )


@pytest.mark.parametrize(("sep", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_a_separator_is_sniffed_and_named(tmp_path: Path, sep: str, name: str) -> None:
    rows = [f"{row / 8:.3f}".replace(".", ",") + f"{sep}{row}{sep}{KINDS[row]}" for row in range(ROWS)]
    path = written(tmp_path, "\n".join([sep.join(["a", "b", "kind"]), *rows]))
    text = refused(path)
    assert f"data.sep={name}" in text
    assert "data.decimal=comma" in refused(path, sep=name)
    for given in (sep, name):
        source = Table(path, "kind", sep=given, decimal="comma")
        np.testing.assert_array_equal(inputs(source), np.column_stack([np.arange(ROWS) / 8, np.arange(ROWS)]))


@pytest.mark.parametrize(
    ("encoding", "hint"), [("cp1252", "data.encoding=cp1252"), ("utf-16", "data.encoding=utf-16"), ("utf-8-sig", "")]
)
def test_an_encoding_is_named(tmp_path: Path, encoding: str, hint: str) -> None:
    rows = "".join(f"{'Köln' if row % 3 else 'Genève'},{row},{KINDS[row]}\n" for row in range(ROWS))
    path = written(tmp_path, "ort,b,kind\n" + rows, encoding)
    if hint:
        assert hint in refused(path)
    source = Table(path, "kind", encoding=encoding if hint else None, numeric=["b"], categorical=["ort"])
    assert source.spec.input_shape == (1 + 2,)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl", "t.feather", "t.parquet"])
def test_each_format_holds_the_same(tmp_path: Path, name: str) -> None:
    columns = {"a": NUMBERS, "n": np.arange(ROWS) % 7, "city": np.array(["x", "y", "z"])[np.arange(ROWS) % 3]}
    one, other = (Table(saved(tmp_path, each, **columns), "kind") for each in ("t.csv", name))
    assert one.fingerprint() == other.fingerprint()


def test_a_workbook_has_sheets(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    if find_spec("openpyxl") is None:
        path.write_bytes(b"PK")
        assert "pip install openpyxl" in refused(str(path))
        return
    frame = pd.DataFrame({"a": NUMBERS, "when": pd.date_range("2024-01-01", periods=ROWS), "kind": KINDS})
    with pd.ExcelWriter(path) as book:
        frame.to_excel(book, sheet_name="first", index=False)
        frame.iloc[:20].to_excel(book, sheet_name="second", index=False)
    assert "data.sheet=first" in refused(str(path))
    source = Table(str(path), "kind", sheet="second")
    np.testing.assert_allclose(inputs(source), NUMBERS[:20, None], rtol=1e-6)


def test_options_of_other_formats_are_refused(tmp_path: Path) -> None:
    text = refused(saved(tmp_path, a=NUMBERS), sep="tab", decimal="comma", na_values=[], sheet=0, encoding="utf-8")
    assert all(f"data.{key}=null" in text for key in ("sep", "decimal", "na_values", "sheet", "encoding"))


def test_codes_are_found_wherever_a_file_is_cut_in_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,y\n" + "".join(f"{'007' if row == 40 else 100 + row},{row % 2}\n" for row in range(60)))
    for size in (1, 7, 16, 1 << 20):
        monkeypatch.setattr("alrun.data.files._BLOCK", size)
        assert Table(str(path), "y").notes[0].startswith("column 'code': category"), size
