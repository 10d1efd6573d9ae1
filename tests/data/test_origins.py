"""Offsets: data that are far from 0 give the results of the same data near it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.core.seeding import Seeds
from alrun.core.types import Annotation
from alrun.data.arrays import Arrays
from alrun.data.function import Function
from alrun.data.simulators import SIMULATORS, Simulator
from alrun.data.source import ArraySource
from alrun.data.table import Table
from alrun.pool.pools import pools
from alrun.pool.training import TrainingPool

ROWS = 240
OFFSETS = [1e4, -93421.0, 1e6, 2e9, 1.7e9, -1e12]


def values(scale: float = 1.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(np.random.default_rng(1).normal(size=(ROWS, 3)), 4) * scale


def made(folder: Path, kind: str, offset: float) -> ArraySource:
    x, y = values()[:, :2] + offset, values()[:, 2] * 3 + offset
    if kind == "table":
        frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
        frame.to_parquet(folder / f"{offset}.parquet")
        return Table(str(folder / f"{offset}.parquet"), "y", task="regression")
    if kind == "npz":
        np.savez(folder / f"{offset}.npz", x=x, y=y)
        return Arrays(str(folder / f"{offset}.npz"), task="regression", standardize=True)
    np.save(folder / f"{offset}.npy", x)
    np.save(folder / f"{offset}-y.npy", y)
    return Arrays(str(folder / f"{offset}.npy"), str(folder / f"{offset}-y.npy"), task="regression", standardize=True)


def deviations(block: torch.Tensor) -> np.ndarray[Any, Any]:
    exact = block.double().numpy()
    return np.asarray(exact - exact.mean(axis=0))


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("kind", ["table", "npz", "npy"])
def test_an_offset_loses_nothing(tmp_path: Path, kind: str, offset: float) -> None:
    plain, far = made(tmp_path, kind, 0.0), made(tmp_path, kind, offset)
    rows = torch.arange(ROWS)
    assert plain.spec.target_origin == plain.spec.input_origin == ()
    slack = max(1e-6, abs(offset) * 2.0**-50)
    for read in ("inputs", "targets"):
        near, shifted = deviations(getattr(plain, read)(rows)), deviations(getattr(far, read)(rows))
        np.testing.assert_allclose(shifted, near, atol=slack)
    pool = pools(far, Seeds(0)).unlabeled
    assert pool is not None
    queried = pool.indices[:20]
    truth = values()[queried.numpy(), 2] * 3 + offset
    labels = pool.reveal(queried)
    np.testing.assert_allclose(labels.double().numpy()[:, 0], truth, atol=slack)
    np.testing.assert_allclose(
        pool.gather(queried.tolist()).double().numpy(), values()[queried, :2] + offset, atol=slack
    )
    training = TrainingPool(far)
    training.extend([Annotation(int(row), label) for row, label in zip(queried, truth.tolist(), strict=True)])
    assert training.targets(torch.arange(20)).allclose(far.targets(queried), atol=slack)


def test_whole_numbers_keep_their_last_digit(tmp_path: Path) -> None:
    whole = np.arange(ROWS, dtype=np.int64)[:, None] + 2**60 + np.array([0, 7])
    np.savez(tmp_path / "i.npz", x=whole, y=np.arange(ROWS) % 2)
    source = Arrays(str(tmp_path / "i.npz"), standardize=True)
    np.testing.assert_array_equal(np.diff(source.inputs(torch.arange(ROWS)).numpy(), axis=0), 1)
    pd.DataFrame({"t": whole[:, 0], "u": whole[:, 1].astype(np.uint64), "kind": np.arange(ROWS) % 2}).to_parquet(
        tmp_path / "i.parquet"
    )
    table = Table(str(tmp_path / "i.parquet"), "kind")
    np.testing.assert_array_equal(np.diff(table.inputs(torch.arange(ROWS)).numpy(), axis=0), 1)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.float32, np.uint8])
def test_ordinary_data_are_as_they_were(tmp_path: Path, dtype: Any) -> None:
    x = (values(20) + 100).astype(dtype)
    np.savez(tmp_path / "o.npz", x=x, y=x[:, 0])
    source = Arrays(str(tmp_path / "o.npz"), task="regression")
    assert source.inputs(torch.arange(ROWS)).numpy().tobytes() == x.astype(np.float32).tobytes()
    assert source.targets(torch.arange(ROWS)).numpy().tobytes() == x[:, :1].astype(np.float32).tobytes()
    assert source.spec.input_origin == source.spec.target_origin == ()


def test_simulators_far_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    branin = SIMULATORS["branin"]
    far = Simulator(lambda x: branin.formula(x) - 9e9, branin.bounds)
    plain = Function(n_samples=64)
    monkeypatch.setattr("alrun.data.function.SIMULATORS", {"branin": far})
    moved, rows = Function(n_samples=64), torch.arange(64)
    assert moved.spec.target_origin != ()
    np.testing.assert_allclose(deviations(moved.targets(rows)), deviations(plain.targets(rows)), atol=1e-4)


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_what_float32_cannot_hold_names_its_column(tmp_path: Path, value: float) -> None:
    pd.DataFrame({"a": [value, 1.0] * 20, "b": np.arange(40), "kind": ["x", "y"] * 20}).to_csv(tmp_path / "t.csv")
    with pytest.raises(Exception, match=r"column 'a' is .* in row 0, which is out of range for 32-bit floats"):
        Table(str(tmp_path / "t.csv"), "kind")
