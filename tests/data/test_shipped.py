"""Vectors that a data set ships with its rows: read by row, part of what the data are, and each fault named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alrun.core.errors import DataError, StrategyError
from alrun.core.seeding import Seeds
from alrun.data.arrays import Arrays
from alrun.data.shipped import Embeddings
from alrun.data.table import Table
from alrun.pool.pools import pools
from alrun.testing.orders import permuted

X = np.arange(160, dtype=np.float32).reshape(40, 4)
Y = np.arange(40) % 4
VECTORS = np.stack([np.arange(40), np.arange(40) ** 2], axis=1).astype(np.float16)


def arrays(folder: Path, **options: Any) -> Arrays:
    np.savez(folder / "data.npz", x=X, y=Y, **options)
    return Arrays(str(folder / "data.npz"))


def test_pools_give_the_vectors_of_their_rows(tmp_path: Path) -> None:
    source = arrays(tmp_path, embeddings=VECTORS)
    made: Any = pools(source, Seeds(0))
    positions = torch.tensor([5, 0, 7])
    for pool in (made.unlabeled, permuted(made.unlabeled, seed=1)):
        found: Any = pool.shipped_embeddings(positions)
        expected = torch.from_numpy(VECTORS)[pool.indices[positions]].float()
        assert torch.equal(found, expected)
    training = made.training
    assert training.shipped_embeddings([]).shape == (0, 2)
    training.append((torch.zeros(4), 1))
    with pytest.raises(StrategyError, match="new point"):
        training.shipped_embeddings([0])
    bare: Any = pools(arrays(tmp_path), Seeds(0))
    assert bare.unlabeled.shipped_embeddings(positions) is None
    assert bare.training.shipped_embeddings([]) is None


def test_a_file_of_their_own_stays_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "e.npy", VECTORS)
    (tmp_path / "table.csv").write_text("a,b\n" + "".join(f"{row},{row % 4}\n" for row in range(40)))
    path = str(tmp_path / "e.npy")
    mapped = Arrays(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), embeddings=path)
    for source in (mapped, Table(str(tmp_path / "table.csv"), "b", embeddings=path)):
        assert isinstance(source._vectors and source._vectors.array, np.memmap)
        assert source.embeddings([3, 1]).tolist() == [[3, 9], [1, 1]]  # type: ignore[union-attr]


def test_they_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    other = VECTORS.copy()
    other[17, 1] += 1
    prints = [arrays(tmp_path, **found).fingerprint() for found in ({}, {"embeddings": VECTORS}, {"embeddings": other})]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (VECTORS[:-1], "39 embeddings, but 40 rows"),
        (VECTORS[:, 0], "must be"),
        (VECTORS.astype("U"), "must be"),
        (np.where(VECTORS == 25, np.nan, VECTORS), "row 5"),
    ],
)
def test_faults_are_named(vectors: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Embeddings(vectors, 40)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    with pytest.raises(DataError, match=r"data\.embeddings"):
        Arrays(str(tmp_path / "data.npz"), embeddings=str(tmp_path / "none.npy"))
