"""Array files: memory-mapped where they can be, never unpickled, and each fault named."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.data.arrays import Arrays
from alrun.data.function import Function
from alrun.data.moons import Moons
from alrun.data.source import ArraySource
from alrun.pool.pools import pools

X = np.arange(240, dtype=np.float64).reshape(40, 2, 3)
Y = np.arange(40) % 4 + 10


def npz(folder: Path, **arrays: Any) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


def npy(folder: Path, name: str, array: Any) -> str:
    path = folder / name
    np.save(path, array)
    return str(path)


def problems(*args: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        Arrays(*args, **options)
    return str(caught.value)


def test_npz_and_npy_hold_the_same(tmp_path: Path) -> None:
    whole = Arrays(npz(tmp_path, x=X, y=Y))
    mapped = Arrays(npy(tmp_path, "x.npy", X), npy(tmp_path, "y.npy", Y))
    rows = torch.tensor([39, 0, 7])
    for source in (whole, mapped):
        assert source.spec == TaskSpec(Task.CLASSIFICATION, (2, 3), 4, class_names=("10", "11", "12", "13"))
        assert source.inputs(rows).dtype == torch.float32
        np.testing.assert_array_equal(source.inputs(rows).numpy(), X[[39, 0, 7]].astype(np.float32))
        assert source.targets(rows).tolist() == [3, 0, 3]
    assert torch.equal(whole.split(Seeds(5)).train, mapped.split(Seeds(5)).train)


def test_a_memory_mapped_array_is_never_held(tmp_path: Path) -> None:
    rows, width = 100_000, 100
    path = tmp_path / "x.npy"
    big = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, width))
    big[:] = np.arange(rows, dtype=np.float32)[:, None]
    big.flush()
    targets = npy(tmp_path, "y.npy", np.arange(rows) % 2)
    tracemalloc.start()
    source = Arrays(str(path), targets)
    made = pools(source, Seeds(0))
    first = source.fingerprint()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(source.array, np.memmap)
    assert peak < 0.6 * big.nbytes
    assert made.unlabeled is not None
    picked = torch.tensor([0, 5, 60_000])
    assert torch.equal(made.unlabeled.inputs(picked)[:, 99], made.unlabeled.indices[picked].to(torch.float32))
    big[77_777, 50] += 1
    big.flush()
    assert Arrays(str(path), targets).fingerprint() != first


def test_regression_targets_keep_their_columns(tmp_path: Path) -> None:
    flat = X.reshape(40, 6)
    two = Arrays(npz(tmp_path, x=flat, y=flat[:, :2] / 7), standardize=True)
    assert (two.spec.task, two.spec.num_outputs, two.spec.standardize) == (Task.REGRESSION, 2, tuple(range(6)))
    one = Arrays(npz(tmp_path, x=flat, y=flat[:, 0] / 7))
    assert one.targets([3, 4]).shape == (2, 1)
    assert Arrays(npz(tmp_path, x=flat, y=Y), task="regression").spec.task is Task.REGRESSION


def test_bytes_are_scaled_and_stay_bytes(tmp_path: Path) -> None:
    pixels = np.arange(240, dtype=np.uint8).reshape(40, 1, 2, 3)
    source = Arrays(npy(tmp_path, "x.npy", pixels), npy(tmp_path, "y.npy", Y), scale=1 / 255)
    assert source.array.dtype == np.uint8
    np.testing.assert_allclose(source.inputs([39]).numpy(), pixels[39:] / 255, rtol=1e-6)


def test_faults_of_the_files_are_named(tmp_path: Path) -> None:
    assert "data.npz" in problems(str(tmp_path / "dta.npz")) or "no file" in problems(str(tmp_path / "dta.npz"))
    path = npz(tmp_path, x=X, y=Y)
    assert f"did you mean {path}" in problems(str(tmp_path / "dta.npz"))
    assert "no array 'y'" in problems(npz(tmp_path, x=X, label=Y))
    inputs = npy(tmp_path, "x.npy", X)
    assert "data.targets=" in problems(inputs)
    assert "data.targets" in problems(inputs, str(tmp_path / "z.npy"))
    (tmp_path / "bad.npy").write_bytes(b"nothing numpy knows")
    assert "cannot be read" in problems(str(tmp_path / "bad.npy"), inputs)
    (tmp_path / "x.txt").write_text("1 2")
    assert "format of" in problems(str(tmp_path / "x.txt"))


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}] * 40, dtype=object)
    assert "cannot be read" in problems(npy(tmp_path, "x.npy", objects), npy(tmp_path, "y.npy", Y))
    assert "cannot be read" in problems(npz(tmp_path, x=X, y=objects))


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:-1], {}, "40 rows of inputs, but 39 targets"),
        (X[:, 0, 0], Y, {}, "shape"),
        (X.astype("U"), Y, {}, "not real numbers"),
        (X, Y, {"standardize": True}, "only flat inputs"),
        (X, np.zeros(40, dtype=int), {}, "one class"),
        (np.where(X == 100, np.nan, X), Y, {}, "row 16"),
        (np.where(X == 100, 1e300, X), Y, {}, "row 16"),
        (X, np.where(Y == 13, np.nan, Y), {}, "row 3"),
        (X, Y.astype("U"), {"task": "regression"}, "regression needs numbers"),
        (X, Y + 0.5, {"task": "classification"}, "10.5 in row 0 is not a class"),
        (X, np.stack([Y, Y], axis=1), {"task": "classification"}, "one value per row"),
        (X, Y, {"test_size": 37}, "too few"),
        (X, Y, {"test_size": -1}, "data.test_size"),
        (X, Y, {"validation_size": 2.5}, "data.validation_size"),
        (X, Y, {"labeled": [40]}, "no row 40"),
        (X[:0], Y[:0], {"task": "regression"}, "too few"),
    ],
)
def test_faults_of_the_values_are_named(tmp_path: Path, x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    assert message in problems(npz(tmp_path, x=x, y=y), **options)


def test_faults_of_the_base_are_named() -> None:
    spec = TaskSpec(Task.CLASSIFICATION, (3,), 2)
    with pytest.raises(DataError, match="row 4"):
        ArraySource(torch.zeros(20, 3), torch.tensor([0, 1] * 2 + [2] * 16), spec)
    with pytest.raises(DataError, match="20 rows of inputs, but 19"):
        ArraySource(torch.zeros(20, 3), torch.zeros(19, dtype=torch.int64), spec)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (Moons, {"n_samples": 3}, "too few"),
        (Moons, {"noise": -0.1}, "noise"),
        (Function, {"simulator": "brannin"}, "data.simulator=branin"),
        (Function, {"design": "grid"}, "one of: lhs, sobol"),
        (Function, {"n_samples": 0}, "too few"),
    ],
)
def test_faults_of_the_generators_are_named(
    source: Callable[..., ArraySource], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        source(**options)
