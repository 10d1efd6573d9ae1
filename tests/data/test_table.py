"""Tables: which columns become inputs, and how each fault is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.core.types import Task
from alrun.data.table import Table
from alrun.pool.pools import pools

ROWS = 30


def frame() -> pd.DataFrame:
    number = np.arange(ROWS)
    return pd.DataFrame(
        {
            "age": 20.0 + number,
            "city": np.array(["rome", "oslo", "bern"])[number % 3],
            "visits": number % 7,
            "smokes": number % 2 == 0,
            "price": number * 1.5,
            "label": np.array(["yes", "no"])[number % 2],
        }
    )


def write(table: pd.DataFrame, folder: Path, name: str = "people.csv") -> str:
    path = folder / name
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return str(path)


def problems(path: str, target: Any = "label", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        Table(path, target, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz", "people.tsv", "people.parquet"])
def test_numbers_come_first_and_categories_become_columns(tmp_path: Path, name: str) -> None:
    source = Table(write(frame(), tmp_path, name), "label", drop=["price"])
    table = frame()
    expected = np.column_stack(
        [
            table["age"],
            table["visits"],
            *[table["city"] == city for city in ("bern", "oslo", "rome")],
            ~table["smokes"],
            table["smokes"],
        ]
    )
    np.testing.assert_array_equal(source.inputs(torch.arange(ROWS)).numpy(), expected.astype(np.float32))
    assert source.spec.class_names == ("no", "yes")
    assert source.targets(torch.arange(4)).tolist() == [1, 0, 1, 0]
    assert source.spec.standardize == (0, 1)
    assert source.spec.input_shape == (7,)


def test_all_formats_hold_the_same_data(tmp_path: Path) -> None:
    names = ["people.csv", "people.csv.gz", "people.tsv", "people.parquet"]
    assert len({Table(write(frame(), tmp_path, name), "label").fingerprint() for name in names}) == 1


def test_listed_columns_are_the_ones_used(tmp_path: Path) -> None:
    source = Table(write(frame(), tmp_path), "label", numeric=["price"], categorical=["visits"])
    assert source.spec.input_shape == (1 + 7,)
    assert source.inputs([9]).tolist() == [[13.5, 0, 0, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("target", "task", "expected", "outputs"),
    [
        ("label", "auto", Task.CLASSIFICATION, 2),
        ("smokes", "auto", Task.CLASSIFICATION, 2),
        ("visits", "auto", Task.CLASSIFICATION, 7),
        ("price", "auto", Task.REGRESSION, 1),
        ("visits", "regression", Task.REGRESSION, 1),
        (["price", "age"], "auto", Task.REGRESSION, 2),
    ],
)
def test_the_task_is_what_the_target_looks_like(
    tmp_path: Path, target: str | list[str], task: str, expected: Task, outputs: int
) -> None:
    source = Table(write(frame(), tmp_path), target, task=task)
    assert source.spec.task is expected
    assert source.spec.num_outputs == outputs
    if expected is Task.REGRESSION:
        names = [target] if isinstance(target, str) else target
        np.testing.assert_array_equal(source.targets(torch.arange(ROWS)).numpy(), frame()[names].to_numpy(np.float32))


def test_a_missing_category_is_a_category(tmp_path: Path) -> None:
    table = frame()[["age", "city", "label"]]
    table.loc[4, "city"] = None
    source = Table(write(table, tmp_path), "label")
    assert source.spec.input_shape == (1 + 4,)
    assert source.inputs([4]).tolist() == [[24.0, 0, 0, 0, 1]]
    assert source.inputs([0]).tolist() == [[20.0, 0, 0, 1, 0]]


def test_rows_can_start_labelled(tmp_path: Path) -> None:
    made = pools(Table(write(frame(), tmp_path), "label", labeled=[5, 2]), Seeds(0))
    assert [int(y) for _, y in made.training] == [1, 0]
    assert made.unlabeled is not None
    assert not {2, 5} & set(made.unlabeled.indices.tolist())


def test_a_missing_number_names_every_column_and_its_first_row(tmp_path: Path) -> None:
    table = frame()
    table.loc[[7, 11], "age"] = np.nan
    table.loc[3, "price"] = np.inf
    text = problems(write(table, tmp_path))
    assert "column 'age' is missing in row 7 (and 1 more rows)" in text
    assert "column 'price' is inf, not a finite number in row 3" in text


def test_a_missing_target_names_its_row(tmp_path: Path) -> None:
    table = frame()
    table.loc[8, "label"] = None
    assert "the target 'label' is missing in row 8" in problems(write(table, tmp_path))


def test_missing_columns_are_all_named_with_the_nearest(tmp_path: Path) -> None:
    text = problems(write(frame(), tmp_path), "lable", numeric=["Age"], drop=["cty"])
    assert all(part in text for part in ("'lable'", "label", "'Age'", "age", "'cty'", "city"))


def test_one_class_is_refused(tmp_path: Path) -> None:
    assert "one class" in problems(write(frame().assign(label="yes"), tmp_path))


def test_a_text_target_is_no_regression(tmp_path: Path) -> None:
    text = problems(write(frame(), tmp_path), task="regression")
    assert "'label' is 'yes', not a finite number in row 0" in text


def test_fractions_are_no_classes(tmp_path: Path) -> None:
    assert "1.5 in row 1 is not a class" in problems(write(frame(), tmp_path), "price", task="classification")


def test_text_in_a_numeric_column_is_named(tmp_path: Path) -> None:
    assert "column 'city' is 'rome', not a finite number in row 0" in problems(
        write(frame(), tmp_path), numeric=["city"]
    )


def test_a_column_has_one_role(tmp_path: Path) -> None:
    assert "'age' is named in data.numeric and in data.drop" in problems(
        write(frame(), tmp_path), numeric=["age"], drop=["age"]
    )


def test_an_identifier_is_not_taken_for_a_category(tmp_path: Path) -> None:
    table = pd.concat([frame()] * 8, ignore_index=True)
    table["name"] = [f"person {number}" for number in range(len(table))]
    assert "data.drop=[name]" in problems(write(table, tmp_path))
    assert Table(write(table, tmp_path), "label", drop=["name"]).spec.input_shape == (8,)


def test_a_table_without_features_is_refused(tmp_path: Path) -> None:
    assert "no feature column is left" in problems(write(frame()[["label"]], tmp_path))


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    assert "too few" in problems(write(frame(), tmp_path), test_size=29)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(frame(), tmp_path)
    assert "people.csv" in problems(str(tmp_path / "poeple.csv"))
    assert "there is no folder" in problems(str(tmp_path / "nowhere" / "people.csv"))
    assert "is a folder" in problems(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("people.xls", b"PK", "the format of 'people.xls' is unknown"),
        ("people.csv", b"", "cannot be read as a table"),
        ("people.csv", b"label,age\n", "no rows"),
        ("people.csv", b'a,b\n1,2\n"3,4\n', "cannot be read as a table"),
        ("people.csv", b"a,\xff\xfe\n1,2\n", "is not UTF-8"),
        ("people.parquet", b"not parquet", "cannot be read as a table"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in problems(str(tmp_path / name))


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    assert "data.task=regression" in problems(write(frame(), tmp_path), task="regresion")
