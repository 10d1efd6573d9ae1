"""MNIST and its relatives in their own format: idx files of images and labels, for training and for test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from alrun.core.types import Task, TaskSpec
from alrun.data.encoding import encode_classes
from alrun.data.idx_files import IDX_SUFFIXES, read_idx
from alrun.data.problems import existing_file, fail
from alrun.data.source import ArraySource
from alrun.data.stacked import Stacked

__all__ = ["Idx"]

#: What a name holds that belongs to training or to test, and to images or to labels.
PARTS = {"train": ("train",), "test": ("t10k", "test")}
KINDS = ("images", "labels")


class Idx(ArraySource):
    """Images and their classes: the training rows first, then those of the test files, which are the test rows.

    Files that are not gzipped stay on disk. Values are multiplied by ``scale`` as they are read.

    Attributes:
        notes: Which files were read.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        path: str,
        labels: str | None = None,
        *,
        test_path: str | None = None,
        test_labels: str | None = None,
        image: bool = False,
        scale: float = 1 / 255,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float | None = None,
    ) -> None:
        """Open the files.

        Args:
            path: A folder with files that are called as those of MNIST are (``train-images-idx3-ubyte``,
                ``t10k-labels-idx1-ubyte.gz`` …), or a file of images.
            labels: The file of labels, where ``path`` is a file.
            test_path: The file of images for test, where ``path`` is a file.
            test_labels: The file of labels for test.
            image: Shape of an input: ``(1, height, width)`` for convolutions, or else flat.
            scale: Factor on the values.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``; of the training files.
            test_size: ``None`` for the rows of the test files; else that many rows of the training files are for test,
                and test files are not read.

        Raises:
            DataError: A file is missing, is no idx file, is cut off, or does not fit the others.
        """
        files = _files(path, labels, test_path, test_labels)
        if test_size is not None:
            files = {name: file for name, file in files.items() if name[0] == "train"}
        elif ("test", "images") not in files:
            where = str(Path(path))
            raise fail("there are no test files", where, "data.test_size=0.2 takes test rows from the training files")
        images = {part: _images(files[part, "images"]) for part in ("train", "test") if (part, "images") in files}
        classes = {part: _labels(files[part, "labels"], len(block)) for part, block in images.items()}
        _check_shapes(images, files)
        raw = np.concatenate(list(classes.values()))
        targets, names = encode_classes(raw, str(files["train", "labels"]))
        shape = tuple(images["train"].shape[1:])
        blocks = [block.reshape(len(block), *_shape(shape, image)) for block in images.values()]
        spec = TaskSpec(Task.CLASSIFICATION, _shape(shape, image), len(names), class_names=names)
        options: dict[str, Any] = {"validation_size": validation_size, "labeled": labeled, "scale": scale}
        if "test" in images:
            options["test_rows"] = np.arange(len(blocks[0]), len(raw))
        else:
            options["test_size"] = test_size
        held: Any = blocks[0] if len(blocks) == 1 else Stacked(blocks)
        super().__init__(held, targets, spec, **options)
        self.notes = tuple(f"{part} {kind}: {file.name}" for (part, kind), file in files.items())


def _files(path: str, labels: str | None, test_path: str | None, test_labels: str | None) -> dict[Any, Path]:
    """Return the file of each part and kind, as far as there is one."""
    given = {("train", "labels"): labels, ("test", "images"): test_path, ("test", "labels"): test_labels}
    keys = {("train", "labels"): "labels", ("test", "images"): "test_path", ("test", "labels"): "test_labels"}
    place = Path(path).expanduser()
    if place.is_dir():
        for name, value in given.items():
            if value is not None:
                raise fail(
                    "data.path is a folder, which holds all files", f"data.{keys[name]}", f"data.{keys[name]}=null"
                )
        return _files_in(place)
    found = {("train", "images"): existing_file(path, "data.path", IDX_SUFFIXES)}
    if labels is None:
        raise fail(f"{place.name} holds the images only", "data.labels", "data.labels=train-labels-idx1-ubyte")
    if (test_path is None) is not (test_labels is None):
        missing = "data.test_path" if test_path is None else "data.test_labels"
        raise fail("test images and test labels come together", missing, f"{missing}=FILE")
    for name, value in given.items():
        if value is not None:
            found[name] = existing_file(value, f"data.{keys[name]}", IDX_SUFFIXES)
    return found


def _files_in(folder: Path) -> dict[Any, Path]:
    """Return the files of ``folder`` by what their names say; one that is there gzipped, too, counts once."""
    names = sorted(each.name for each in folder.iterdir() if "idx" in each.name.lower() and each.is_file())
    found: dict[Any, Path] = {}
    for part, marks in PARTS.items():
        for kind in KINDS:
            fitting = [name for name in names if kind in name and any(mark in name for mark in marks)]
            plain = [name for name in fitting if not (name.endswith(".gz") and name.removesuffix(".gz") in fitting)]
            if len(plain) > 1:
                what = f"{len(plain)} files hold {part} {kind}: {', '.join(plain[:3])}"
                raise fail(what, str(folder), f"data.path={folder / plain[0]} data.labels=…, one file each")
            if plain:
                found[part, kind] = folder / plain[0]
    lacking = [kind for kind in KINDS if ("train", kind) not in found]
    if lacking:
        held = ", ".join(names[:4]) or "no idx file"
        what = f"there is no file of train {lacking[0]} in {str(folder)!r}; it holds {held}"
        raise fail(what, "data.path", "names as of MNIST: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz)")
    if len({kind for part, kind in found if part == "test"}) == 1:
        raise fail("test images and test labels come together", str(folder), "data.test_size=0.2, or add the other")
    return found


def _images(file: Path) -> npt.NDArray[Any]:
    block = read_idx(file)
    if block.ndim < 2 or 0 in block.shape:
        raise fail(f"inputs have shape {list(block.shape)}; [N, height, width] is needed", str(file))
    return block


def _labels(file: Path, rows: int) -> npt.NDArray[Any]:
    labels = read_idx(file)
    if labels.ndim != 1:
        raise fail(f"labels have shape {list(labels.shape)}; one per row is needed", str(file), "are these images?")
    if len(labels) != rows:
        raise fail(f"{len(labels)} labels, but {rows} images", str(file), "take the files of one data set")
    return labels


def _check_shapes(images: dict[str, npt.NDArray[Any]], files: dict[Any, Path]) -> None:
    train, test = images["train"], images.get("test")
    if test is not None and (train.shape[1:], train.dtype) != (test.shape[1:], test.dtype):
        what = (
            f"images are {list(test.shape[1:])} {test.dtype}, those for training {list(train.shape[1:])} {train.dtype}"
        )
        raise fail(what, str(files["test", "images"]), "take the files of one data set")


def _shape(shape: tuple[int, ...], image: bool) -> tuple[int, ...]:
    if not image:
        return (int(np.prod(shape)),)
    return (1, *shape) if len(shape) == 2 else shape
