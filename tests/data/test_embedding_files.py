"""Vectors from files of each format: the same rows, on disk where they can be, and each fault named."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.data.embeddings import EmbeddingFiles
from alrun.pool.pools import pools
from alrun.testing.source import SourceConformance

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
Y = np.arange(40) % 4
NAMES = [f"img/{row:03d}.png" for row in range(40)]
ROWS = torch.tensor([39, 0, 7])


def saved(folder: Path, suffix: str) -> dict[str, Any]:
    """Write the rows as a file of a format, and return the arguments that open it."""
    path = folder / f"x{suffix}"
    if suffix == ".npy":
        np.save(path, X)
        (folder / "y.txt").write_text("\n".join(map(str, Y)))
        (folder / "names.txt").write_text("\n".join(NAMES))
        return {"path": str(path), "targets": str(folder / "y.txt"), "uuids": str(folder / "names.txt")}
    if suffix == ".safetensors":
        save_file({"features": X, "labels": Y, "ids": np.arange(40)}, path)
        return {"path": str(path), "uuids": "ids"}
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 6)
    pq.write_table(pa.table({"id": NAMES, "emb": vectors, "label": Y}), path, row_group_size=7)
    return {"path": str(path), "uuids": "id"}


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".parquet"])
def test_formats_hold_the_same(suffix: str, tmp_path: Path) -> None:
    source = EmbeddingFiles(**saved(tmp_path, suffix))
    assert source.spec == TaskSpec(Task.CLASSIFICATION, (6,), 4, class_names=("0", "1", "2", "3"))
    assert source.inputs(ROWS).equal(torch.from_numpy(X)[ROWS])
    assert source.embeddings(ROWS).equal(source.inputs(ROWS))
    assert source.targets(ROWS).tolist() == [3, 0, 3]
    names = [str(row) if suffix == ".safetensors" else NAMES[row] for row in ROWS.tolist()]
    assert source.uuids(ROWS.tolist()) == names
    assert source.row_of(names[0]) == 39
    unlabeled: Any = pools(source, Seeds(0)).unlabeled
    assert unlabeled.shipped_embeddings([0]).equal(source.inputs(unlabeled.indices[:1]))


def test_vectors_have_length_one_where_it_is_asked_for(tmp_path: Path) -> None:
    given = saved(tmp_path, ".npy")
    found = EmbeddingFiles(**given, normalize=True).inputs(ROWS)
    torch.testing.assert_close(found, torch.nn.functional.normalize(torch.from_numpy(X)[ROWS]))
    zero = X.copy()
    zero[11] = 0
    np.save(given["path"], zero)
    with pytest.raises(DataError, match="row 11: the vector is 0"):
        EmbeddingFiles(**given, normalize=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_as_it_is(dtype: torch.dtype, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    half = torch.from_numpy(X).to(dtype)
    save_file({"x": half, "y": torch.from_numpy(Y)}, tmp_path / "x.safetensors")
    source = EmbeddingFiles(str(tmp_path / "x.safetensors"))
    assert isinstance(source.array, torch.Tensor)
    assert source.array.dtype == dtype
    assert source.inputs(ROWS).equal(half[ROWS].float())
    assert len(source.fingerprint()) == 64


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_mapped_file_is_never_held(suffix: str, tmp_path: Path) -> None:
    rows, width = 60_000, 128
    path, held = tmp_path / f"x{suffix}", np.zeros((rows, width), dtype=np.float32)
    held[:, 0] = np.arange(rows)
    labels = np.arange(rows) % 2
    np.save(tmp_path / "y.npy", labels)
    np.save(path, held) if suffix == ".npy" else save_file({"x": held}, path)
    size = held.nbytes
    del held
    tracemalloc.start()
    source = EmbeddingFiles(str(path), str(tmp_path / "y.npy"))
    made: Any = pools(source, Seeds(0))
    first = source.fingerprint()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * size
    assert made.unlabeled.inputs([5])[0, 0] == made.unlabeled.indices[5]
    assert len(first) == 64


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.given = saved(tmp_path, ".parquet")

    def source(self) -> EmbeddingFiles:
        return EmbeddingFiles(**self.given, normalize=True)


def frame(**columns: Any) -> pa.Table:
    return pa.table({"label": Y[:4], **columns})


FAULTS: dict[str, tuple[Any, str, str]] = {
    "no vectors": (frame(a=[1.0, 2, 3, 4]), "", "no column holds vectors; there is label, a"),
    "two kinds": (frame(a=[[1.0]] * 4, b=[[2.0]] * 4), "", "data.vectors=a"),
    "ragged": (frame(a=[[1.0], [1.0, 2], [1.0], [1.0]]), "", "vectors have one length"),
    "missing": (frame(a=[[1.0], None, [1.0], [1.0]]), "", "row 1 is missing"),
    "hole": (frame(a=[[1.0], [1.0], [None], [1.0]]), "", "row 2 has a missing number"),
    "not finite": (frame(a=[[1.0], [1.0], [np.inf], [1.0]]), "", "row 2"),
    "typo": (frame(emb=[[1.0]] * 4), "emv", "data.vectors=emb"),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_faulty_column_is_named(case: tuple[Any, str, str], tmp_path: Path) -> None:
    table, vectors, message = case
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError) as caught:
        EmbeddingFiles(str(tmp_path / "x.parquet"), vectors=vectors or None)
    assert message in str(caught.value)


def test_labels_and_names_that_do_not_fit_are_named(tmp_path: Path) -> None:
    given = saved(tmp_path, ".npy")
    (tmp_path / "short.txt").write_text("1\n2")
    (tmp_path / "twice.txt").write_text("\n".join(["a", "b", "a", *NAMES[3:]]))
    pd.DataFrame({"kind": Y, "other": Y}).to_csv(tmp_path / "y.csv", index=False)
    faults: dict[str, dict[str, Any]] = {
        "40 vectors, but 2 labels": {"targets": str(tmp_path / "short.txt")},
        "data.targets=labels.npy": {"targets": None},
        "data.target=kind": {"targets": str(tmp_path / "y.csv")},
        "rows 0 and 2 are both called 'a'": {"uuids": str(tmp_path / "twice.txt")},
        "2 names, but 40 rows": {"uuids": str(tmp_path / "short.txt")},
        "data.vectors=null": {"vectors": "x"},
    }
    for message, changed in faults.items():
        with pytest.raises(DataError) as caught:
            EmbeddingFiles(**{**given, **changed})
        assert message in str(caught.value)
    chosen = EmbeddingFiles(**{**given, "targets": str(tmp_path / "y.csv")}, target="kind")
    assert chosen.targets(ROWS).tolist() == [3, 0, 3]
