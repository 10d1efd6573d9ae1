"""Data files with the traps of pandas, Arrow and Excel: refused by name, or read as the table they were made of."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alrun.core.errors import DataError
from alrun.data.table import Table

EXAMPLES = int(os.environ.get("ALRUN_FUZZ", "100"))
ROWS = 24
NAMES = ["a", "Höhe", "col 2", "x.1", "Unnamed: 0", "kind.1", "b"]
STRAYS = ["?", "-", "1,5", "1.234,5", "12 %", "n/a?", "0x10", "-999?"]
LEVELS = ["red", "blue", "NA?", "true-ish", "x y", "ü"]

Drawn = tuple[str, list[Any], str]


def seeded(draw: Any) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**16)))


@st.composite
def column(draw: Any) -> Drawn:
    """Return what a column is (number, text, code, refused, left out), its values, and the value to be named."""
    rng = seeded(draw)
    kind = draw(
        st.sampled_from(
            ["float", "far", "integer", "big", "sentinel", "bool", "level", "code", "stray", "missing", "date", "clock"]
        )
    )
    numbers = rng.normal(size=ROWS).round(3)
    row = int(rng.integers(ROWS))
    if kind == "float":
        return "number", (numbers * draw(st.sampled_from([1.0, 1e-6, 1e6]))).tolist(), ""
    if kind == "far":
        return "number", (numbers + draw(st.sampled_from([1e6, -2e9, 1.7e9]))).tolist(), ""
    if kind == "integer":
        return "number", rng.integers(-9, 99, ROWS).tolist(), ""
    if kind == "big":
        return "number", [2**60 + int(one) for one in rng.integers(0, 50, ROWS)], ""
    if kind == "sentinel":
        return "number", [-999 if place == row else int(one) for place, one in enumerate(rng.integers(0, 9, ROWS))], ""
    if kind == "bool":
        return "text", [bool(one) for one in rng.integers(0, 2, ROWS)], ""
    if kind == "level":
        return "text", [LEVELS[one] for one in rng.integers(0, len(LEVELS), ROWS)], ""
    if kind == "code":
        return "text", [f"{one:03d}" for one in rng.integers(1, 9, ROWS)], ""
    texts = [f"{one:.3f}" for one in numbers]
    if kind == "stray":
        value = draw(st.sampled_from(STRAYS))
        return "refused", [*texts[:row], value, *texts[row + 1 :]], value
    if kind == "missing":
        return "refused", [None if place == row else one for place, one in enumerate(numbers.tolist())], ""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, ROWS), unit="D")
    if kind == "date":
        return "left out", [f"{day:%Y-%m-%d}" for day in days], ""
    return "refused", [f"{one % 24:02d}:{one % 60:02d}" for one in rng.integers(0, 99, ROWS)], ""


@st.composite
def tables(draw: Any) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return {
        "columns": {name: draw(column()) for name in names},
        "classes": draw(st.sampled_from([["hit", "miss"], ["01", "02"], ["3", "4"], ["x", "None?"]])),
        "format": draw(st.sampled_from(["csv", "csv", "csv.gz", "parquet", "feather", "jsonl"])),
        "sep": draw(st.sampled_from([",", ";", "\t", "|"])),
        "decimal": draw(st.sampled_from([".", ","])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])),
        "trap": draw(st.sampled_from(["", "", "", "twice", "nameless", "one class", "sep", "encoding"])),
    }


def save(case: dict[str, Any], frame: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Write ``frame`` as the case has it; return the options that read it."""
    if case["format"] == "parquet":
        frame.to_parquet(path)
    elif case["format"] == "feather":
        frame.to_feather(path)
    elif case["format"] == "jsonl":
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        decimal = case["decimal"] if case["sep"] != "," else "."
        is_far = any(kind == "refused" for kind, _, _ in case["columns"].values())
        decimal = "." if is_far else decimal
        frame.to_csv(path, index=False, sep=case["sep"], decimal=decimal, encoding=case["encoding"])
        encoding = None if case["encoding"] == "utf-8-sig" else case["encoding"]
        return {"sep": case["sep"], "decimal": decimal, "encoding": encoding}
    return {}


def expected(case: dict[str, Any]) -> tuple[list[np.ndarray[Any, Any]], int]:
    """Return the columns of numbers, and how many columns of 0 and 1 there are."""
    numbers = [values for kind, values, _ in case["columns"].values() if kind == "number"]
    levels = [len(set(map(str, values))) for kind, values, _ in case["columns"].values() if kind == "text"]
    return [np.asarray([one - values[0] for one in values], dtype=np.float64) for values in numbers], sum(levels)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 100, suppress_health_check=list(HealthCheck))
@given(tables())
def test_a_file_is_read_as_it_was_made_or_refused_by_name(case: dict[str, Any]) -> None:
    classes = case["classes"][:1] * 2 if case["trap"] == "one class" else case["classes"]
    frame = pd.DataFrame({name: values for name, (_, values, _) in case["columns"].items()})
    frame["kind"] = [classes[row % 2] for row in range(ROWS)]
    is_text = case["format"].startswith("csv")
    trap = case["trap"] if is_text or case["trap"] == "one class" else ""
    if trap == "twice":
        frame.insert(0, "kind", frame["kind"], allow_duplicates=True)
    if trap == "nameless":
        frame.insert(0, "", range(ROWS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t.{case['format']}"
        options = save(case, frame, path)
        if trap == "sep":
            options["sep"] = None
        if trap == "encoding":
            options["encoding"] = None
        try:
            source = Table(str(path), "kind", **options)
        except DataError as error:
            assert_named(case, trap, str(error))
            return
    check(case, source, trap)


def assert_named(case: dict[str, Any], trap: str, text: str) -> None:
    """A refusal names what is wrong, and something is."""
    bad = {name: value for name, (kind, _, value) in case["columns"].items() if kind == "refused"}
    used = [kind for kind, _, _ in case["columns"].values() if kind != "left out"]
    if any(repr(name) in text and value in text for name, value in bad.items()):
        return
    reasons = {
        "twice": "columns are called 'kind'",
        "one class": "all rows are of one class",
        "sep": "data.sep=",
        "encoding": "data.encoding=",
    }
    assert (trap in reasons and reasons[trap] in text) or (not used and "no feature column is left" in text), text


def check(case: dict[str, Any], source: Table, trap: str) -> None:
    kinds = [kind for kind, _, _ in case["columns"].values()]
    assert "refused" not in kinds
    assert trap not in ("twice", "one class")
    numbers, levels = expected(case)
    inputs = source.inputs(torch.arange(ROWS)).double().numpy()
    assert inputs.shape == (ROWS, len(numbers) + levels)
    assert source.spec.standardize == tuple(range(len(numbers)))
    assert source.spec.class_names == tuple(sorted(case["classes"]))
    for place, values in enumerate(numbers):
        got = inputs[:, place] - inputs[0, place]
        scale = max(float(values.std()), 1e-30)
        np.testing.assert_allclose(got.mean(), values.mean(), atol=1e-3 * scale)
        np.testing.assert_allclose(got.std(), values.std(), rtol=1e-3)
    assert (inputs[:, len(numbers) :].sum(axis=1) == kinds.count("text")).all()
    ordered = sorted(case["classes"])
    assert source.targets(torch.arange(4)).tolist() == [ordered.index(case["classes"][row % 2]) for row in range(4)]
