"""Idx files: those of MNIST's names, gzipped or not, with the test files as test rows, and each fault named."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.idx import Idx
from alrun.data.idx_files import read_idx
from alrun.testing.source import SourceConformance

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (60, 3, 4), dtype=np.uint8), "t10k": RNG.integers(0, 256, (20, 3, 4), np.uint8)}
LABELS = {"train": (np.arange(60) % 3).astype(np.uint8), "t10k": (np.arange(20) % 3).astype(np.uint8)}


def packed(array: np.ndarray[Any, Any], kind: int = 0x08) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype({0x08: "u1", 0x0B: ">i2", 0x0E: ">f8"}[kind]).tobytes()


def folder(place: Path, *, zipped: bool = False) -> str:
    for part in IMAGES:
        for name, array in (("images-idx3", IMAGES[part]), ("labels-idx1", LABELS[part])):
            content = packed(array)
            path = place / f"{part}-{name}-ubyte{'.gz' * zipped}"
            path.write_bytes(gzip.compress(content) if zipped else content)
    return str(place)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_test_files_are_the_test_rows(zipped: bool, tmp_path: Path) -> None:
    source = Idx(folder(tmp_path, zipped=zipped))
    split = source.split(Seeds(3))
    assert split.test.tolist() == list(range(60, 80))
    assert len(split.validation) == 6
    assert len(split.train) == 54
    everything = np.concatenate([IMAGES["train"], IMAGES["t10k"]]).reshape(80, 12) / 255
    rows = torch.tensor([79, 0, 61, 59, 60])
    torch.testing.assert_close(source.inputs(rows), torch.from_numpy(everything[rows.numpy()]).float())
    assert source.targets(rows).tolist() == [1, 0, 1, 2, 0]
    assert Idx(folder(tmp_path), image=True).inputs(rows).shape == (5, 1, 3, 4)


def test_packed_and_plain_are_the_same_data(tmp_path: Path) -> None:
    for name in ("plain", "zipped"):
        (tmp_path / name).mkdir()
    plain = Idx(folder(tmp_path / "plain"))
    assert plain.fingerprint() == Idx(folder(tmp_path / "zipped", zipped=True)).fingerprint()
    assert plain.fingerprint() != Idx(str(tmp_path / "plain"), test_size=0.2).fingerprint()


def test_files_by_name_and_test_rows_drawn(tmp_path: Path) -> None:
    place = Path(folder(tmp_path))
    given = str(place / "train-images-idx3-ubyte"), str(place / "train-labels-idx1-ubyte")
    drawn = Idx(*given, test_size=0.25)
    assert len(drawn) == 60
    assert len(drawn.split(Seeds(0)).test) == 15
    with pytest.raises(DataError, match=r"data\.test_size=0\.2"):
        Idx(*given)


def test_values_of_other_types_are_read(tmp_path: Path) -> None:
    numbers = np.array([[-3, 7], [300, 2]])
    for kind in (0x0B, 0x0E):
        (tmp_path / "x.idx").write_bytes(packed(numbers, kind))
        np.testing.assert_array_equal(read_idx(tmp_path / "x.idx"), numbers)


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = folder(tmp_path)

    def source(self) -> Idx:
        return Idx(self.path, image=True)


WHOLE = packed(IMAGES["train"])
BOMB = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**16, 2**16)
FAULTS = {
    "empty": (b"", "begins with nothing"),
    "another format": (b"\x93NUMPY\x01\x00", "data=arrays"),
    "unknown type": (b"\0\0\x07\x03" + WHOLE[4:], "is no idx file"),
    "no dimension": (b"\0\0\x08\x00" + WHOLE[4:], "is no idx file"),
    "cut header": (WHOLE[:9], "ends within its header"),
    "cut off": (WHOLE[:-1], "holds 719 bytes of values, but its header announces 720"),
    "too long": (WHOLE + b"\0", "holds more bytes"),
    "announces the sky": (BOMB, "its header announces"),
    "announces the sky, packed": (gzip.compress(BOMB), "its header announces"),
    "packed, cut off": (gzip.compress(WHOLE)[:-9], "cannot be unpacked"),
    "packed, too long": (gzip.compress(WHOLE + bytes(1 << 20)), "holds more bytes"),
    "packed garbage": (b"\x1f\x8b" + bytes(40), "cannot be unpacked"),
    "labels": (packed(LABELS["train"]), "[N, height, width] is needed"),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_file_that_is_something_else_is_named(case: tuple[bytes, str], tmp_path: Path) -> None:
    content, message = case
    place = Path(folder(tmp_path))
    (place / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError) as caught:
        Idx(str(place))
    assert message in str(caught.value)
    assert "train-images-idx3-ubyte" in str(caught.value)


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    place = Path(folder(tmp_path))
    (place / "t10k-labels-idx1-ubyte").write_bytes(packed(LABELS["train"]))
    with pytest.raises(DataError, match="60 labels, but 20 images"):
        Idx(str(place))
    (place / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="come together"):
        Idx(str(place))
    (place / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="there is no file of train labels"):
        Idx(str(place))
