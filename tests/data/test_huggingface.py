"""Saved data sets of the hub: texts, images and numbers, and each row that cannot be used is named."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.huggingface import HuggingFace
from alrun.data.text import Text
from alrun.store.array_cache import ArrayFiles
from alrun.testing.source import SourceConformance

datasets = pytest.importorskip("datasets", reason="reads what datasets writes: pip install 'alrun[huggingface]'")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 6, 8, 3), dtype=np.uint8)
NAMES = ["no", "yes", "never"]
TEXTS = [f"row {row} says {NAMES[row % 2]}" for row in range(30)]


def features(**columns: Any) -> Any:
    return datasets.Features({"label": datasets.ClassLabel(names=NAMES), **columns})


def saved(place: Path, columns: dict[str, Any], described: Any, tested: int = 10) -> str:
    """Save rows in two parts, the last for test, and those to learn from backwards."""
    whole = datasets.Dataset.from_dict(columns, features=described)
    count = len(whole) - tested
    parts = {"train": whole.select(range(count - 1, -1, -1)), "test": whole.select(range(count, len(whole)))}
    datasets.DatasetDict(parts).save_to_disk(place)
    return str(place)


def texts(place: Path) -> str:
    columns = {"label": [row % 2 for row in range(30)], "text": TEXTS, "id": [f"t{row}" for row in range(30)]}
    return saved(place, columns, features(text=datasets.Value("string"), id=datasets.Value("string")))


def png(pixels: Any) -> bytes:
    held = io.BytesIO()
    Pictures.fromarray(pixels).save(held, format="PNG")
    return held.getvalue()


def images(place: Path, broken: int | None = None) -> str:
    files = [{"bytes": b"no" if row == broken else png(PIXELS[row]), "path": None} for row in range(30)]
    columns = {"label": [row % 3 for row in range(30)], "image": files}
    return saved(place, columns, features(image=datasets.Image()))


def test_texts_have_the_classes_and_the_parts_of_the_data_set(tmp_path: Path) -> None:
    source = HuggingFace(texts(tmp_path / "x"), tokenizer="words", length=4, uuids="id")
    assert source.spec.class_names == ("no", "yes"), "in the order of the data set, without one that no row has"
    order = [*range(19, -1, -1), *range(20, 30)]
    assert source.uuids(range(30)) == [f"t{row}" for row in order]
    assert source.targets(range(30)).tolist() == [row % 2 for row in order]
    assert source.split(Seeds(0)).test.tolist() == list(range(20, 30))
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(f"{TEXTS[row]},{row % 2}" for row in order) + "\n")
    same = Text(str(tmp_path / "t.csv"), tokenizer="words", length=4)
    assert source.inputs(range(30)).equal(same.inputs(range(30)))


def test_images_are_exact_and_kept(tmp_path: Path) -> None:
    cache = ArrayFiles(tmp_path / "cache")
    source = HuggingFace(images(tmp_path / "x"), array_cache=cache)
    order = [*range(19, -1, -1), *range(20, 30)]
    expected = torch.from_numpy(PIXELS[order]).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(source.inputs(range(30)), expected)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
    again = HuggingFace(str(tmp_path / "x"), size=[6, 8], array_cache=cache)
    assert again.fingerprint() == source.fingerprint()
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
    with pytest.raises(DataError, match="row 12: cannot be decoded"):
        HuggingFace(images(tmp_path / "y", broken=7))


@pytest.mark.parametrize("kind", ["list", "array", "value"])
def test_numbers_stay_as_they_are(kind: str, tmp_path: Path) -> None:
    shape = {"list": (4,), "array": (2, 3), "value": ()}[kind]
    values = RNG.normal(size=(30, *shape)).astype(np.float32)
    described = {
        "list": datasets.List(datasets.Value("float32")),
        "array": datasets.Array2D((2, 3), "float32"),
        "value": datasets.Value("float32"),
    }[kind]
    columns = {"features": values.tolist(), "y": (10 * values.reshape(30, -1)[:, 0]).tolist()}
    place = saved(tmp_path / "x", columns, datasets.Features({"features": described, "y": datasets.Value("float64")}))
    source = HuggingFace(place, task="regression", target="y", test_size=0.2)
    assert source.spec.input_shape == (shape or (1,))
    order = [*range(19, -1, -1)]
    assert len(source) == 20, "the test part is not read where test rows are drawn"
    assert source.inputs(range(20)).equal(torch.from_numpy(values[order]).reshape(20, *(shape or (1,))))
    torch.testing.assert_close(source.targets(range(20))[:, 0], torch.tensor(columns["y"])[order], check_dtype=False)


def ragged(place: Path) -> str:
    columns = {"label": [row % 2 for row in range(30)], "features": [[1.0] * (2 + (row == 3)) for row in range(30)]}
    return saved(place, columns, features(features=datasets.List(datasets.Value("float32"))))


def unlabeled(place: Path) -> str:
    columns = {"label": [-1 if row == 4 else row % 2 for row in range(30)], "text": TEXTS}
    return saved(place, columns, features(text=datasets.Value("string")))


@pytest.mark.parametrize(
    ("write", "options", "said"),
    [
        (ragged, {}, "not all of one shape"),
        (unlabeled, {}, "row 15: -1 is no class"),
        (texts, {"split": "tran"}, r"data\.split=train"),
        (texts, {"test_split": "train"}, r"data\.test_split=test"),
        (texts, {"input": "txt"}, r"data\.input=text"),
        (texts, {"target": "text2"}, r"data\.target=id|data\.target=label"),
        (texts, {"test_split": "test", "test_size": 0.5}, r"data\.test_size=null"),
        (texts, {"length": 0}, r"data\.length=128"),
        (images, {"channels": 2}, r"data\.channels=3"),
        (lambda place: str(place / "imdb"), {}, r"load_dataset\('.*imdb'\)\.save_to_disk\('imdb'\)"),
    ],
)
def test_what_cannot_be_used_is_named_with_a_way_out(
    write: Any, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        HuggingFace(write(tmp_path / "x"), **options)


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = texts(tmp_path / "x")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'alrun\[huggingface\]'"):
        HuggingFace(place)


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = texts(tmp_path / "x")

    def source(self) -> HuggingFace:
        return HuggingFace(self.path, features=16)
