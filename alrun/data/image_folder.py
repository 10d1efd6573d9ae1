"""Images in folders, one folder a class, or in a list of paths and labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.core.protocols.cache import ArrayCache
from alrun.data.encoding import encode
from alrun.data.files import SUFFIXES as TABLES
from alrun.data.files import FileOptions, read_file
from alrun.data.named import NamedArraySource
from alrun.data.pixels import image_form, image_pixels
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.shipped import open_embeddings
from alrun.data.target_files import chosen_column

__all__ = ["ImageFolder"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
#: What columns of paths are called where nobody says.
USUAL = ("path", "file", "filename", "file_name", "image", "image_path")


class ImageFolder(NamedArraySource):
    """Images ``[channels, height, width]`` of bytes, times 1/255, and their classes.

    Each file is decoded once: the pixels are kept in the cache under a digest of all files' contents, and stay on disk.
    Rows are in the order of their paths, by which the ledger calls them; those of ``test_path`` come last.

    Attributes:
        notes: What was left out.
    """

    def __init__(
        self,
        path: str,
        *,
        test_path: str | None = None,
        size: int | Sequence[int] | None = None,
        channels: int = 3,
        fit: str = "crop",
        file: str | None = None,
        target: str | None = None,
        task: str = "auto",
        embeddings: str | None = None,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float | None = None,
        array_cache: ArrayCache | None = None,
    ) -> None:
        """Find the files, and decode those that the cache does not have.

        Args:
            path: A folder with one folder a class; or a table of paths, from the folder of the table on, and labels.
            test_path: Likewise, of the test rows.
            size: Height and width, or one number for both; ``None`` for that of the first image.
            channels: 3 for colors, 1 for gray.
            fit: What is done with images of another shape: ``crop``, ``pad`` or ``stretch``.
            file: Column of the paths; ``None`` for the one that is called like paths.
            target: Column of the labels; ``None`` for the one that is called like labels.
            task: ``classification``, ``regression`` (of a table), or ``auto`` for what the labels look like.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped: vectors to compare rows by.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``; ``None`` for a fifth, or the rows of ``test_path``.
            array_cache: Where decoded images are kept; ``None`` for memory.

        Raises:
            DataError: A file is missing or no image, or the labels cannot be used.
        """
        wanted = parse_task(task)
        if test_path is not None and test_size is not None:
            raise fail("the test rows are those of data.test_path", "data.test_size", "data.test_size=null")
        parts = [_listed(path, "data.path", file, target)]
        if test_path is not None:
            parts.append(_listed(test_path, "data.test_path", file, target))
        files = [one for listed, _, _ in parts for one in listed]
        raw = np.concatenate([labels for _, labels, _ in parts])
        form = image_form(size, channels, fit, files[0])
        encoded = encode(raw, wanted, path)
        options: dict[str, Any] = {"validation_size": validation_size, "labeled": labeled, "scale": 1 / 255}
        options |= {"embeddings": open_embeddings(embeddings)}
        options |= {"test_size": 0.2 if test_size is None else test_size}
        if test_path is not None:
            options["test_rows"] = np.arange(len(parts[0][0]), len(files))
        pixels = image_pixels(files, form, array_cache, Path(path))
        super().__init__(pixels, encoded.targets, encoded.spec(form.shape), **options)
        root = Path(os.path.commonpath([one.parent for one in files]))
        self.name_rows([one.relative_to(root).as_posix() for one in files], path)
        self.notes = tuple(note for _, _, notes in parts for note in notes)


def _listed(
    path: str, key: str, file: str | None, target: str | None
) -> tuple[list[Path], npt.NDArray[Any], tuple[str, ...]]:
    """Return files and their labels ``[N]``, and what was left out."""
    place = Path(path).expanduser()
    if place.is_dir():
        return _in_folders(place, key)
    found = existing_file(path, key, TABLES)
    frame = read_file(found, FileOptions()).frame
    names = list(map(str, frame.columns))
    usual = [name for name in names if name.lower() in USUAL]
    if file is None and len(usual) != 1:
        what = "which column holds the paths?" if usual else "no column is called like paths"
        raise fail(what, str(found), f"data.file={(usual or names)[0]}")
    paths = frame[chosen_column(file or usual[0], names, "data.file", str(found))]
    rest = [name for name in names if name != paths.name]
    labels = frame[chosen_column(target, rest, "data.target", str(found))]
    for column in (paths, labels):
        missing = np.flatnonzero(column.isna().to_numpy())
        if len(missing):
            raise fail(f"column {str(column.name)!r} is missing in row {missing[0]}", str(found), "leave the row out")
    files = [found.parent / str(one) for one in paths]
    plain = labels.to_numpy() if labels.dtype.kind in "biuf" else labels.astype(str).to_numpy(dtype=str)
    return files, plain, ()


def _in_folders(place: Path, key: str) -> tuple[list[Path], npt.NDArray[Any], tuple[str, ...]]:
    folders = sorted(one for one in place.iterdir() if one.is_dir() and not one.name.startswith("."))
    files: list[Path] = []
    labels: list[str] = []
    others = 0
    for folder in folders:
        everything = sorted(_below(folder))
        images = [one for one in everything if one.suffix.lower() in ENDINGS]
        others += len(everything) - len(images)
        files += images
        labels += [folder.name] * len(images)
        if not images:
            raise fail(f"no image is in the folder of class {folder.name!r}", str(folder), "remove the folder")
    if not files:
        raise fail("there are no folders, one a class, with images in them", f"{key}={place}", f"{key}=FOLDER")
    if {one.name.lower() for one in folders} <= {"train", "test", "val", "valid", "validation"}:
        hint = f"data.path={place / folders[-1].name} data.test_path={place / folders[0].name}"
        raise fail("the folders in it are parts of a data set, not classes", f"{key}={place}", hint)
    return files, np.asarray(labels), (f"{others} files in {place} are no images",) if others else ()


def _below(folder: Path) -> list[Path]:
    """Return what lies below a folder and is no folder; links to folders are not followed, nor is what is hidden."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return found
