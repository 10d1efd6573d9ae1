"""Data files with the traps of pandas, Arrow and Excel: refused by name, or read as the table they were made of."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_tables import (  # type: ignore[import-not-found]
    FATES,
    FORMATS,
    ROWS,
    TARGET,
    Column,
    Drawn,
    save,
    tables,
    values_of,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alrun.core.errors import DataError
from alrun.core.types import Task
from alrun.data.arrays import Arrays
from alrun.data.table import Table

EXAMPLES = int(os.environ.get("ALRUN_FUZZ", "100"))
#: What a refusal says that is for another reason than a column of features.
REASONS = {
    "twice": ("columns are called 'kind'",),
    # A name with a comma in it leaves nothing to go by.
    "sep": ("data.sep=", "the table has no column 'kind'"),
    "encoding": ("data.encoding=",),
    "longer": ("cannot be read as a table",),
    "shorter": ("'kind' is missing in row 2",),
    "sep line": ("'sep=",),
    "sheets": ("data.sheet=Sheet",),
}


def opened(case: Drawn) -> Table | DataError:
    """Return the source, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t.{case.format}"
        options = save(case, path)
        try:
            return Table(str(path), TARGET, **options)
        except DataError as error:
            return error


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 100, suppress_health_check=list(HealthCheck))
@given(tables())
def test_a_file_is_read_as_it_was_made_or_refused_by_name(case: Drawn) -> None:
    assume(case.format != "xlsx" or find_spec("openpyxl") is not None)
    found = opened(case)
    if isinstance(found, DataError):
        assert_named(case, str(found))
    else:
        assert_read(case, found)


@pytest.mark.parametrize("format", sorted({*FORMATS} - {"csv.gz", "tsv", "pq"}))
@pytest.mark.parametrize("kind", sorted(FATES))
def test_each_kind_of_column_in_each_format(kind: str, format: str) -> None:
    """Each of them, beside a column of numbers."""
    if format == "xlsx":
        pytest.importorskip("openpyxl")
    one = values_of(kind, np.random.default_rng(3))
    whole = Column("integer", list(range(ROWS)))
    target = ["hit", "miss"] * (ROWS // 2)
    case = Drawn({"a": one, "b": whole}, target, format, ",", ".", "utf-8", "")
    found = opened(case)
    if isinstance(found, DataError):
        assert_named(case, str(found))
    else:
        assert_read(case, found)


def assert_named(case: Drawn, text: str) -> None:
    """A refusal names what is wrong, and something is."""
    refused = case.with_fate("R")
    if any(repr(name) in text and one.odd in text for name, one in refused.items()):
        return
    used = {**case.with_fate("N"), **case.with_fate("C")}
    assert (
        (not used and "no feature column is left" in text)
        or any(reason in text for reason in REASONS.get(case.trap, ()))
        or (len(set(case.target)) == 1 and "all rows are of one class" in text)
        or (None in case.target and "the target 'kind' is missing in row 1" in text)
        or ("?" in case.target and "'kind' holds numbers, but '?' in row 5" in text)
    ), text


def assert_read(case: Drawn, source: Table) -> None:
    assert not case.with_fate("R"), source.notes
    assert case.trap not in ("twice", "longer", "shorter", "sep line", "sheets") or not applies(case), source.notes
    numbers, categories = case.with_fate("N"), case.with_fate("C")
    inputs = source.inputs(torch.arange(ROWS)).double().numpy()
    place = 0
    for one in numbers.values():
        wanted = one.numbers()
        block = inputs[:, place : place + wanted.shape[1]]
        place += wanted.shape[1]
        assert_same(block - block[0], wanted)
    assert source.spec.standardize == tuple(range(place))
    for one in categories.values():
        count, places = one.levels()
        block = inputs[:, place : place + count]
        place += count
        np.testing.assert_array_equal(block.argmax(axis=1), places)
        assert (block.sum(axis=1) == 1).all()
    assert inputs.shape == (ROWS, place)
    assert all(f"column {name!r}: " in "\n".join(source.notes) for name in case.columns)
    assert_targets(case, source)


def applies(case: Drawn) -> bool:
    """Return whether the format has such a trap."""
    families = {"twice": ("text", "arrow", "book"), "sheets": ("book",)}
    return case.family in families.get(case.trap, ("text",))


def assert_targets(case: Drawn, source: Table) -> None:
    targets = source.targets(torch.arange(ROWS))
    if isinstance(case.target[0], float):
        assert source.spec.task is Task.REGRESSION
        assert_same(targets.double().numpy() - float(targets[0]), Column("float", case.target).numbers())
        return
    names = sorted(map(str, set(case.target)))
    assert source.spec.class_names == tuple(names)
    assert targets.tolist() == [names.index(str(one)) for one in case.target]


def assert_same(got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> None:
    """Values, and with them mean and standard deviation, agree to a thousandth of the latter."""
    assert (np.abs(got - wanted) <= 1e-3 * wanted.std(axis=0)).all()


#: Inputs and targets as dtypes, or as another thing that a file may hold.
INPUTS = ["f2", "f4", "f8", ">f8", "i1", "u1", "i8", "u8", "?", "c16", "U4", "M8[D]", "column", "scalars", "images"]
TARGETS = ["i8", "u1", "?", "f8", "U4", "column", "fractions", "one class", "one-hot", "two columns", "gap", "short"]
BAD_INPUTS = {**dict.fromkeys(("c16", "U4", "M8[D]"), "not real numbers"), "scalars": "[N, ...]"}
BAD_TARGETS = {"one class": "one class", "gap": "not finite", "short": "23 targets"}
CLASSES = np.arange(ROWS) % 2


def made(x: str, y: str, offset: float, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return inputs and targets."""
    numbers = np.round(np.random.default_rng(seed).normal(size=(ROWS, 3)), 3) * 10
    inputs = numbers + (offset if x in ("f8", ">f8", "i8") else 100 if x in ("u1", "u8") else 0)
    shapes = {"column": inputs[:, :1], "scalars": inputs[:, 0], "images": inputs.repeat(4, 1).reshape(ROWS, 3, 2, 2)}
    others = {
        **{"column": CLASSES[:, None], "fractions": numbers[:, 0], "one class": CLASSES * 0, "short": CLASSES[:-1]},
        **{"one-hot": np.eye(2)[CLASSES], "two columns": numbers[:, :2], "gap": np.where(CLASSES, np.nan, 1.0)},
    }
    targets = others[y] if y in others else CLASSES.astype(y)
    return shapes[x] if x in shapes else inputs.astype(x), targets


def loaded(inputs: np.ndarray[Any, Any], targets: np.ndarray[Any, Any], apart: bool) -> Arrays | DataError:
    """Return the source of a ``.npz``, or of two ``.npy`` files, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/x.npy", f"{folder}/y.npy"] if apart else [f"{folder}/d.npz"]
        if apart:
            np.save(paths[0], inputs)
            np.save(paths[1], targets)
        else:
            np.savez(paths[0], x=inputs, y=targets)
        try:
            source = Arrays(*paths)
            source.inputs(torch.arange(ROWS))
        except DataError as error:
            return error
        return source


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 100, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(INPUTS),
    st.sampled_from(TARGETS),
    st.sampled_from([0.0, 1e6, -2e9]),
    st.booleans(),
    st.integers(0, 2**16),
)
def test_arrays_are_read_as_they_were_made_or_refused(x: str, y: str, offset: float, apart: bool, seed: int) -> None:
    inputs, targets = made(x, y, offset, seed)
    source = loaded(inputs, targets, apart)
    if isinstance(source, DataError):
        reasons = (BAD_INPUTS.get(x), BAD_TARGETS.get(y))
        assert any(reason in str(source) for reason in reasons if reason), source
        return
    assert x not in BAD_INPUTS
    assert y not in BAD_TARGETS
    got, taken = (rows(torch.arange(ROWS)).double().numpy() for rows in (source.inputs, source.targets))
    wanted = inputs.astype(np.longdouble).reshape(ROWS, -1)
    assert_same((got - got[0]).reshape(ROWS, -1), (wanted - wanted[0]).astype(np.float64))
    if y in ("fractions", "two columns", "one-hot"):
        block = targets.reshape(ROWS, -1)
        assert source.spec.task is Task.REGRESSION
        assert_same(taken - taken[0], block - block[0])
    else:
        assert taken.tolist() == CLASSES.tolist()
