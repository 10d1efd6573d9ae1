"""Images in folders and lists: decoded once, kept by content, and each file that is no image is named."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from alrun.core.errors import DataError, StoreError
from alrun.core.seeding import Seeds
from alrun.data.image_folder import ImageFolder
from alrun.store.array_cache import ArrayFiles
from alrun.testing.source import SourceConformance

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 6, 8, 3), dtype=np.uint8)
CLASSES = [("cat", "dog", "eel")[row % 3] for row in range(24)]


def folder(place: Path, rows: range = range(24)) -> str:
    """Write images as PNG in folders, in an order that is not that of their numbers."""
    for row in rows:
        path = place / CLASSES[row] / f"deep{row % 2}" / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[row]).save(path)
    return str(place)


def number(name: str) -> int:
    return int(Path(name).stem)


def test_folders_are_classes_and_pixels_are_exact(tmp_path: Path) -> None:
    source = ImageFolder(folder(tmp_path / "x"))
    assert source.spec.class_names == ("cat", "dog", "eel")
    assert source.spec.input_shape == (3, 6, 8)
    rows = torch.tensor([23, 0, 11])
    names = source.uuids(rows.tolist())
    assert names == sorted(source.uuids(range(24)))[:0] + [source.uuids([row])[0] for row in rows.tolist()]
    numbers = [number(name) for name in names]
    expected = torch.from_numpy(PIXELS[numbers]).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(source.inputs(rows), expected)
    assert [source.spec.class_names[one] for one in source.targets(rows).tolist()] == [CLASSES[one] for one in numbers]
    assert all(name.startswith(f"{CLASSES[number(name)]}/deep") for name in names)


def test_a_table_lists_paths_and_labels(tmp_path: Path) -> None:
    folder(tmp_path / "x")
    paths = sorted(str(one.relative_to(tmp_path)) for one in (tmp_path / "x").rglob("*.png"))[::-1]
    values = [0.5 * number(path) for path in paths]
    pd.DataFrame({"path": paths, "label": [number(path) % 2 for path in paths], "value": values}).to_csv(
        tmp_path / "list.csv", index=False
    )
    source = ImageFolder(str(tmp_path / "list.csv"))
    assert source.targets(range(24)).tolist() == [number(path) % 2 for path in paths]
    regression = ImageFolder(str(tmp_path / "list.csv"), target="value", task="regression")
    assert regression.targets(range(24))[:, 0].tolist() == values
    pd.DataFrame({"path": paths, "image": paths, "y": values}).to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(DataError, match=r"data\.file=path"):
        ImageFolder(str(tmp_path / "two.csv"))


def test_the_rows_of_another_folder_are_the_test_rows(tmp_path: Path) -> None:
    train, test = folder(tmp_path / "train", range(15)), folder(tmp_path / "test", range(15, 24))
    source = ImageFolder(train, test_path=test)
    split = source.split(Seeds(0))
    assert split.test.tolist() == list(range(15, 24))
    assert {number(name) for name in source.uuids(split.test.tolist())} == set(range(15, 24))
    with pytest.raises(DataError) as caught:
        ImageFolder(str(tmp_path))
    assert f"data.path={tmp_path}/train data.test_path={tmp_path}/test" in str(caught.value)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_images_of_another_shape_are_fitted(fit: str, tmp_path: Path) -> None:
    for name, half in (("a", "left"), ("b", "right")):
        (tmp_path / name).mkdir()
        wide = np.zeros((10, 40), dtype=np.uint8)
        wide[:, : 20 if half == "left" else 40] = 255
        for row in range(8):
            Image.fromarray(wide).save(tmp_path / name / f"{row}.png")
    found = ImageFolder(str(tmp_path), size=[10, 10], channels=1, fit=fit).inputs([0])[0, 0]
    middle = found[5]
    if fit == "crop":
        assert middle[:5].min() == 1
        assert middle[5:].max() == 0
        assert (found[0] == middle).all()
    elif fit == "pad":
        assert found[0].max() == found[9].max() == 0
        assert middle[:4].min() > 0.9
    else:
        assert (found[0] - middle).abs().max() < 0.1
        assert middle[:4].min() > 0.9


def test_other_modes_become_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    gray = PIXELS[0, :, :, 0]
    deep = Image.fromarray((gray.astype(np.uint16) << 8) | 7)
    turned = Image.Exif()
    turned[0x0112] = 6
    images = {"deep": deep, "plain": Image.fromarray(gray), "bit": Image.fromarray(gray).convert("1")}
    for place in ("a", "b"):
        for name, image in images.items():
            image.save(tmp_path / place / f"{name}.png")
        Image.fromarray(gray.T[:, ::-1].copy()).save(tmp_path / place / "turned.png", exif=turned.tobytes())
    source = ImageFolder(str(tmp_path), channels=1, size=[6, 8], validation_size=0)
    found = {name: (source.inputs([row])[0, 0] * 255).round() for row, name in enumerate(source.uuids(range(4)))}
    assert found["a/deep.png"].equal(torch.from_numpy(gray).float())
    assert found["a/plain.png"].equal(found["a/deep.png"])
    assert set(found["a/bit.png"].unique().tolist()) == {0.0, 255.0}
    assert found["a/turned.png"].shape == (6, 8)


class Counting(ArrayFiles):
    made = 0

    def array(self, key: str, shape: Any, dtype: str, blocks: Any) -> Any:
        def counted() -> Any:
            self.made += 1
            return blocks()

        return super().array(key, shape, dtype, counted)


def test_images_are_decoded_once_and_again_where_one_has_changed(tmp_path: Path) -> None:
    cache = Counting(tmp_path / "cache")
    place = folder(tmp_path / "x")
    first = ImageFolder(place, array_cache=cache)
    again = ImageFolder(place, array_cache=cache)
    assert cache.made == 1
    assert isinstance(again.array, np.memmap)
    assert again.fingerprint() == first.fingerprint() == ImageFolder(place).fingerprint()
    ImageFolder(place, array_cache=cache, size=4)
    assert cache.made == 2
    (kept,) = [one for one in (tmp_path / "cache").iterdir() if np.load(one, mmap_mode="r").shape[2:] == (6, 8)]
    kept.write_bytes(kept.read_bytes()[:-100])
    assert ImageFolder(place, array_cache=cache).fingerprint() == first.fingerprint()
    assert cache.made == 3
    Image.fromarray(255 - PIXELS[0]).save(next((tmp_path / "x").rglob("00.png")))
    assert ImageFolder(place, array_cache=cache).fingerprint() != first.fingerprint()
    assert cache.made == 4
    assert not [one for one in (tmp_path / "cache").iterdir() if one.name.startswith(".tmp")]


def test_nothing_is_kept_of_images_that_cannot_be_decoded(tmp_path: Path) -> None:
    place = Path(folder(tmp_path / "x"))
    (place / "cat" / "zz.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"zz\.png: cannot be decoded"):
        ImageFolder(str(place), size=8, array_cache=ArrayFiles(tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(StoreError, match="1 rows were computed, not 2"):
        ArrayFiles(tmp_path / "cache").array("ab", (2, 3), "|u1", lambda: [np.zeros((1, 3))])


def test_memory_is_bounded(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
        content = io.BytesIO()
        Image.fromarray(RNG.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(content, "JPEG")
        for row in range(500):
            (tmp_path / "x" / name / f"{row}.jpg").write_bytes(content.getvalue())
    tracemalloc.start()
    source = ImageFolder(str(tmp_path / "x"), size=96, array_cache=ArrayFiles(tmp_path / "cache"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.array.nbytes == 1000 * 96 * 96 * 3
    assert peak < 0.9 * source.array.nbytes


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path, self.cache = folder(tmp_path / "x"), ArrayFiles(tmp_path / "cache")

    def source(self) -> ImageFolder:
        return ImageFolder(self.path, array_cache=self.cache)


def announced(width: int, height: int) -> bytes:
    """Return a PNG that announces so many pixels, and unpacks to few."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def whole() -> bytes:
    content = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(content, "PNG")
    return content.getvalue()


FAULTS: dict[str, tuple[bytes | None, str]] = {
    "empty": (b"", "cannot be decoded"),
    "text": (b"not an image at all", "cannot be decoded"),
    "cut off": (whole()[: len(whole()) // 2], "cannot be decoded"),
    "bomb": (announced(60_000, 60_000), "pixels"),
    "another program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be decoded"),
    "fifo": (None, "is no regular file"),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_file_that_is_no_image_is_named(case: tuple[bytes | None, str], tmp_path: Path) -> None:
    content, message = case
    place = Path(folder(tmp_path / "x"))
    bad = place / "dog" / "bad\x1b[31m.png"
    os.mkfifo(bad) if content is None else bad.write_bytes(content)
    for cache in (None, ArrayFiles(tmp_path / "cache")):
        with pytest.raises(DataError) as caught:
            ImageFolder(str(place), size=8, array_cache=cache)
        assert message in str(caught.value)
        assert "x/dog/bad" in str(caught.value)
        assert "\x1b" not in str(caught.value)


def test_folders_that_hold_no_images_are_named(tmp_path: Path) -> None:
    place = Path(folder(tmp_path / "x"))
    (place / "dog" / "again").symlink_to(place)
    (place / "cat" / "notes.txt").write_text("hello")
    source = ImageFolder(str(place))
    assert len(source) == 24
    assert source.notes == (f"1 files in {place} are no images",)
    (place / "fox").mkdir()
    with pytest.raises(DataError, match="no image is in the folder of class 'fox'"):
        ImageFolder(str(place))
    (place / "fox").rmdir()
    (tmp_path / "none").mkdir()
    for options, message in (
        ({"path": str(tmp_path / "none")}, "there are no folders"),
        ({"path": str(place), "size": 0}, r"data\.size=32"),
        ({"path": str(place), "channels": 4}, r"data\.channels=3"),
        ({"path": str(place), "fit": "crip"}, r"data\.fit=crop"),
        ({"path": str(place), "test_path": str(place), "test_size": 0.1}, r"data\.test_size=null"),
    ):
        with pytest.raises(Exception, match=message):
            ImageFolder(**options)
