"""Offsets and odd files through the command line: the same results, or one refusal by ``validate`` and by the run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Alrun, info, runs  # type: ignore[import-not-found]

OFFSET = 2_000_000_000.0
RUN: tuple[str, ...] = (
    "learner=mlp",
    "learner.hidden=[8]",
    "query=coreset",
    "metrology=regression",
    "training.max_epochs=5",
)
RUN = (*RUN, "training.max_epochs=5", "initial_size=20", "query_size=10", "budget=40", "progress=false")
PARTS = f"""
import torch

def near(x):
    return x.double().sum(dim=-1).round(decimals=4) * 3

def far(x):
    return near(x) + {OFFSET}

def exact_near(x):
    return (x.double().sum(dim=-1) * 1024).round() / 1024

def exact_far(x):
    return exact_near(x) + {OFFSET}

class Inputs:
    def __len__(self):
        return 60

    def __getitem__(self, row):
        return torch.randn(2, generator=torch.Generator().manual_seed(row))

class Points:
    def __init__(self, offset=0.0, sent=0.0):
        x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
        self.data = [(row, float(near(row)) + offset - sent) for row in x]

    def __len__(self):
        return len(self.data)

    def __getitem__(self, row):
        return self.data[row]
"""


def columns() -> tuple[np.ndarray, np.ndarray]:
    drawn = np.round(np.random.default_rng(0).normal(size=(120, 3)), 6)
    return drawn[:, :2], np.round(drawn[:, 0] - 2 * drawn[:, 1] + 0.2 * drawn[:, 2], 6)


def saved(kind: str, offset: float) -> tuple[str, ...]:
    """Write the data at an offset, inputs and targets; return the words that read them."""
    x, y = columns()
    x, y = x + offset / 1000, y + offset
    name = "far" if offset else "near"
    if kind == "table":
        pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).to_parquet(f"{name}.parquet")
        return ("data=table", f"data.path={name}.parquet", "data.target=y", "data.task=regression")
    if kind == "npz":
        np.savez(f"{name}.npz", x=x, y=y)
        return ("data=arrays", f"data.path={name}.npz", "data.standardize=true", "data.task=regression")
    np.save(f"{name}.npy", x)
    np.save(f"{name}-y.npy", y)
    files = ("data=arrays", f"data.path={name}.npy", f"data.targets={name}-y.npy")
    return (*files, "data.standardize=true", "data.task=regression")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Sequence[str]]:
    (tmp_path / "offset_parts.py").write_text(PARTS)
    yield ("--trust", "offset_parts")
    sys.modules.pop("offset_parts", None)


def results(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    (run,) = runs(folder)
    records, picks = pd.read_parquet(run / "records.parquet"), pd.read_parquet(run / "acquisitions.parquet")
    return records[records["strategy"] == "regression"], picks


def assert_same(near: Path, far: Path) -> None:
    (records, picks), (shifted, shifted_picks) = results(near), results(far)
    assert picks["index"].tolist() == shifted_picks["index"].tolist()
    assert records["metric"].tolist() == shifted["metric"].tolist()
    assert {"rmse", "mae"} <= set(records["metric"])
    np.testing.assert_allclose(shifted["value"], records["value"], rtol=2e-3, atol=2e-4)
    assert records.loc[records["metric"] == "rmse", "value"].min() > 0.05


@pytest.mark.parametrize("kind", ["table", "npz", "npy"])
def test_an_offset_of_inputs_and_targets_changes_no_result(alrun: Alrun, tmp_path: Path, kind: str) -> None:
    for name, offset in (("near", 0.0), ("far", OFFSET)):
        made = alrun(*saved(kind, offset), *RUN, f"output_dir={name}")
        assert made.code == 0, made
    assert_same(tmp_path / "near", tmp_path / "far")


def test_an_offset_of_what_a_simulator_answers_changes_no_result(
    alrun: Alrun, tmp_path: Path, parts: Sequence[str]
) -> None:
    x, _ = columns()
    for name, offset in (("near", 0.0), ("far", OFFSET)):
        y = np.round(np.float32(x).astype(np.float64).sum(axis=1), 4) * 3 + offset
        np.savez(f"{name}.npz", x=np.float32(x), y=y)
        data = ("data=arrays", f"data.path={name}.npz", "data.task=regression")
        label = ("label=function", f"label.function._target_=offset_parts.{name}")
        made = alrun(*parts, *data, *label, *RUN, f"output_dir={name}")
        assert made.code == 0, made
    assert_same(tmp_path / "near", tmp_path / "far")


def test_custom_data_whose_targets_float32_cannot_tell_apart_are_refused_with_the_way_on(
    alrun: Alrun, tmp_path: Path, parts: Sequence[str]
) -> None:
    words = (*parts, "data=dataset", "data.dataset._target_=offset_parts.Points", "data.task=regression", *RUN)
    for command in ((), ("validate",)):
        refused = alrun(*command, *words, f"+data.dataset.offset={OFFSET}")
        assert refused.code == 2, refused
        assert "return y - 2000000000 as the target of a datum" in refused.err
    assert not (tmp_path / "outputs").exists()
    for name, options in (("near", ()), ("far", (f"+data.dataset.offset={OFFSET}", "+data.dataset.sent=2000000000"))):
        made = alrun(*words, *options, f"output_dir={name}")
        assert made.code == 0, made
    assert_same(tmp_path / "near", tmp_path / "far")


def test_labels_of_data_without_targets_are_refused_once_and_kept_for_the_way_on(
    alrun: Alrun, tmp_path: Path, parts: Sequence[str]
) -> None:
    data = ("data=dataset", "data.dataset._target_=offset_parts.Inputs", "data.task=regression", "data.num_outputs=1")
    words = (*parts, *data, *RUN, "data.validation_size=0", "metrology=acquisition", "label=function")

    def labeled(name: str) -> tuple[str, ...]:
        return (f"label.function._target_=offset_parts.exact_{name}", f"output_dir={name}")

    assert alrun(*words, *labeled("near")).code == 0
    refused = alrun(*words, *labeled("far"))
    assert refused.code == 1, refused
    (run,) = runs(tmp_path / "far")
    bought = (run / "labels/labels.jsonl").read_bytes()
    assert bought.count(b"labelled") == 20
    assert refused.err.count("loses how they differ") == 1
    (hint,) = re.findall(r"alrun (rerun) DIR (data.target_origin=\S+)", refused.err)
    again = alrun(*parts, hint[0], str(run), hint[1])
    assert again.code == 0, again
    (other,) = [place for place in runs(tmp_path / "far") if place != run]
    assert info(other)["rerun"]["labels"] == 20
    near, far = (pd.read_parquet(place / "acquisitions.parquet") for place in (*runs(tmp_path / "near"), other))
    assert near["index"].tolist() == far["index"].tolist()
    assert (far["label"].astype(float) - near["label"].astype(float) == OFFSET).all()
    weights = "checkpoints/step_3/training/weights.safetensors"
    (peer,) = runs(tmp_path / "near")
    assert (peer / weights).read_bytes() == (other / weights).read_bytes()
    for origin in ("1", f"{OFFSET:.0f}"):
        points = ("data.dataset._target_=offset_parts.Points", f"data.target_origin={origin}")
        own = alrun("validate", *words, *labeled("near"), *points)
        assert own.code == 2
        assert "the data have targets of their own" in own.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("data=arrays", "data.path=several.npz", "data.task=classification"),
            "data.task=multi_label metrology=multi_label",
        ),
        (("data=arrays", "data.path=several.npz", "data.task=auto"), "query=variance"),
        (("data=moons", "data.test_size=1.0"), "data.test_size=1"),
        (("data=moons", "data.validation_size=2.0"), "data.validation_size=2"),
        (("data=moons", "data.test_size=1.5"), "data.test_size=0.2"),
    ],
)
def test_what_a_run_refuses_of_data_validate_refuses_with_the_same_words(
    alrun: Alrun, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    marks = np.random.default_rng(0).integers(0, 2, (60, 3))
    np.savez("several.npz", x=np.float32(marks), y=marks)
    checked, made = alrun("validate", *words), alrun(*words)
    assert (checked.code, made.code) == (2, 2), made
    assert checked.err == made.err
    assert said in made.err
    assert not (tmp_path / "outputs").exists()
