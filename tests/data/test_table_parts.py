"""What a table brings along for its split: groups, a file of test rows; and its missing numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.split import split_groups
from alrun.data.table import Table
from alrun.testing.source import SourceConformance

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "patient": [f"p{row // 4:02d}" for row in range(80)],
        "age": RNG.integers(20, 80, 80),
        "dose": RNG.normal(size=80).round(3),
        "site": [("01", "02", "03")[row % 3] for row in range(80)],
        "y": np.arange(80) % 2,
    }
)


def saved(folder: Path, frame: pd.DataFrame = FRAME, name: str = "t.csv") -> str:
    frame.to_csv(folder / name, index=False)
    return str(folder / name)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_group_is_in_two_parts(seed: int, tmp_path: Path) -> None:
    source = Table(saved(tmp_path), "y", groups="patient")
    split = source.split(Seeds(seed))
    parts = [set(FRAME.patient[rows.numpy()]) for rows in (split.train, split.validation, split.test)]
    assert [len(one) for one in parts] == [14, 2, 4]
    assert set.union(*parts) == set(FRAME.patient)
    assert sum(map(len, parts)) == 20
    assert source.spec.input_shape == (5,)
    assert "column 'patient': left out (data.drop)" in source.notes
    assert source.fingerprint() != Table(saved(tmp_path), "y", drop=["patient"]).fingerprint()


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = saved(tmp_path)

    def source(self) -> Table:
        return Table(self.path, "y", groups="patient", labeled=[0, 41])


@given(
    st.lists(st.integers(0, 12), min_size=30, max_size=120),
    st.integers(0, 3),
    st.integers(0, 50),
)
def test_groups_of_any_sizes_are_split(drawn: list[int], classes: int, seed: int) -> None:
    groups = np.unique(drawn, return_inverse=True)[1].astype(np.int64)
    strata = np.arange(len(groups)) % (classes + 1)
    known = np.array([0, 7])
    try:
        split = split_groups(groups, strata, 0.1, 0.2, Seeds(seed), known)
    except DataError:
        return
    rows = torch.cat([split.train, split.validation, split.test])
    assert rows.sort().values.tolist() == list(range(len(groups)))
    held = [set(groups[part.numpy()].tolist()) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, held)) == len(set.union(*held))
    assert set(strata[split.train.numpy()].tolist()) == set(strata.tolist())
    assert {0, 7} <= set(split.train.tolist())
    assert abs(len(split.test) - 0.2 * (len(groups) - 2)) <= np.bincount(groups).max() + 1


def test_the_rows_of_a_test_file_are_the_test_rows(tmp_path: Path) -> None:
    train, test = saved(tmp_path, FRAME[:60]), FRAME[60:].copy()
    # Read alone, its codes would be numbers, as no leading zero is left; and its columns are in another order.
    test["site"] = ["2", "3"] * 10
    source = Table(train, "y", drop=["patient"], test_path=saved(tmp_path, test[test.columns[::-1]], "test.csv"))
    split = source.split(Seeds(0))
    assert split.test.tolist() == list(range(60, 80))
    assert len(split.validation) == 6
    assert source.inputs(torch.arange(80))[:, 0].tolist() == FRAME.age.tolist()
    categories = source.inputs(torch.arange(80))[:, 2:]
    assert categories.shape[1] == 5
    assert categories.sum(dim=1).eq(1).all()
    grouped = Table(train, "y", groups="patient", test_path=str(tmp_path / "test.csv")).split(Seeds(0))
    assert grouped.test.tolist() == list(range(60, 80))
    assert set(FRAME.patient[grouped.train.numpy()]).isdisjoint(FRAME.patient[grouped.validation.numpy()])


def test_missing_numbers_are_filled_and_marked(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="patient").astype({"age": "float64"})
    frame.loc[[3, 70], "age"] = np.nan
    frame.loc[5, "dose"] = np.nan
    source = Table(saved(tmp_path, frame[:60]), "y", missing="median", test_path=saved(tmp_path, frame[60:], "b.csv"))
    found = source.inputs(torch.arange(80))
    assert found.shape == (80, 2 + 2 + 3)
    assert source.spec.standardize == (0, 1)
    assert found[[3, 70], 0].tolist() == [frame.age[:60].median()] * 2
    assert found[5, 1] == np.float32(frame.dose[:60].median())
    assert found[:, 2].nonzero()[:, 0].tolist() == [3, 70]
    assert found[:, 3].nonzero()[:, 0].tolist() == [5]
    assert any("missing in 2 rows: marked, and filled with the median" in note for note in source.notes)
    with pytest.raises(DataError, match="column 'age' is missing in row 3"):
        Table(str(tmp_path / "t.csv"), "y")


def test_faults_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    holed = FRAME.copy()
    holed.loc[4, "patient"] = None
    empty = FRAME.assign(dose=np.nan)
    faults: list[tuple[dict[str, Any], str]] = [
        ({"groups": "patent"}, "data.groups=patient"),
        ({"groups": "y"}, "data.groups=null"),
        ({"path": saved(tmp_path, holed, "holed.csv"), "groups": "patient"}, "the group 'patient' is missing in row 4"),
        ({"groups": "patient", "test_path": path}, "the group 'p00' is in both files"),
        ({"missing": "mean"}, "data.missing=median"),
        ({"path": saved(tmp_path, empty, "empty.csv"), "missing": "median"}, "column 'dose' is missing in every row"),
        ({"test_path": saved(tmp_path, FRAME.drop(columns="age"), "less.csv")}, "there is no column 'age'"),
        ({"test_path": saved(tmp_path, FRAME.assign(more=1), "more.csv")}, "column 'more' is not in data.path"),
        ({"groups": "patient", "test_size": 1}, "no group is small enough"),
    ]
    for options, message in faults:
        with pytest.raises(DataError) as caught:
            Table(**{"path": path, "target": "y", **options}).split(Seeds(0))
        assert message in str(caught.value)
