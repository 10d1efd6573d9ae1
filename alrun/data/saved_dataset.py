"""Data sets as the ``datasets`` library saves them: opened from a folder, and read column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from alrun.core.showing import printable
from alrun.core.suggest import nearest
from alrun.data.image_files import ImageBytes, ImageFile
from alrun.data.memory import refuse_larger
from alrun.data.problems import fail

if TYPE_CHECKING:
    import datasets

__all__ = ["EncodedImages", "label_values", "number_block", "opened_parts", "texts_of"]

#: What a folder holds that ``save_to_disk`` has written: of one part, of several.
ONE, SEVERAL = "state.json", "dataset_dict.json"
#: Rows that are read at once.
_BLOCK = 4096


def opened_parts(path: str, split: str, test_split: str | None) -> tuple[datasets.Dataset, datasets.Dataset | None]:
    """Return the part to learn from and that for test; ``None`` where there is none.

    Args:
        path: A folder that ``save_to_disk`` has written.
        split: Part to learn from, where there are several.
        test_split: Part for test; ``None`` for the one that is called ``test``, if there is one.

    Raises:
        DataError: The library is not installed, or there is no such folder, or no such part in it.
    """
    folder = Path(path).expanduser()
    try:
        from datasets import Dataset, load_from_disk
    except ImportError as error:
        what = "data sets of the hub are read by datasets, which is not installed"
        raise fail(what, "data", "pip install 'alrun[huggingface]'") from error
    if not (folder / ONE).is_file() and not (folder / SEVERAL).is_file():
        raise fail(f"{path!r} is not a folder that save_to_disk has written", "data.path", _how(path, folder))
    try:
        found = load_from_disk(folder)
    except Exception as error:  # whatever a folder that is none comes to
        what = f"cannot be opened: {type(error).__name__}: {printable(str(error), 200)}"
        raise fail(what, str(folder), "save it again by save_to_disk") from error
    if isinstance(found, Dataset):
        if test_split is not None:
            raise fail("the folder holds one part alone", "data.test_split", "data.test_split=null")
        return found, None
    names = [str(name) for name in found]
    chosen = _part(split, names, "data.split")
    others = [name for name in names if name != chosen]
    tested = "test" if test_split is None and "test" in others else test_split
    return found[chosen], None if tested is None else found[_part(tested, others, "data.test_split")]


def _how(path: str, folder: Path) -> str:
    if folder.exists():
        return "from datasets import load_dataset; load_dataset('parquet', data_files='x.parquet').save_to_disk('x')"
    return f"python -c \"from datasets import load_dataset; load_dataset('{path}').save_to_disk('{folder.name}')\""


def _part(name: str, names: Sequence[str], key: str) -> str:
    if name in names:
        return name
    close = nearest(name, names, 1) or list(names[:1])
    there = f"it has {', '.join(names)}" if names else "there is no other"
    raise fail(f"there is no part {name!r}; {there}", key, f"{key}={close[0]}" if close else f"{key}=null")


def label_values(rows: datasets.Dataset, name: str, where: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Return the labels ``[N]`` of a column as numbers or text, and the names of the classes, where it has such.

    Of a column of lists of classes they are marks ``[N, L]`` ``int64``, 1 for each class that is in the list of a row.

    Raises:
        DataError: A label is missing, or the column holds no labels.
    """
    from datasets import ClassLabel, List

    column = rows.select_columns([name]).with_format("arrow")[:][name]
    place = f"{where}, column {name!r}"
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise fail("the label is missing", f"{place}, row {row}", "leave the row out")
    feature = rows.features[name]
    if isinstance(feature, List) and isinstance(feature.feature, ClassLabel):
        return _marks(column, len(feature.feature.names), place), tuple(map(str, feature.feature.names))
    values = column.to_numpy()
    if isinstance(feature, ClassLabel):
        unknown = np.flatnonzero((values < 0) | (values >= len(feature.names)))
        if len(unknown):
            raise fail(f"{values[unknown[0]]} is no class", f"{place}, row {unknown[0]}", "leave the row out")
        return values, tuple(map(str, feature.names))
    if values.dtype.kind == "O":
        if not isinstance(values[0], str):
            raise fail(f"{feature} are no labels", place, "data.target=COLUMN")
        return values.astype(str), ()
    return values, ()


def _marks(column: Any, count: int, place: str) -> npt.NDArray[np.int64]:
    """Return marks ``[N, L]`` of an Arrow column of lists of numbers below ``count``."""
    import pyarrow.compute as pc

    classes = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    rows = pc.list_parent_indices(column).to_numpy()
    unknown = np.flatnonzero(~((classes >= 0) & (classes < count)))
    if len(unknown):
        raise fail(f"{classes[unknown[0]]} is no class", f"{place}, row {rows[unknown[0]]}", "leave the row out")
    marks = np.zeros((len(column), count), dtype=np.int64)
    marks[rows, classes.astype(np.int64)] = 1
    return marks


def texts_of(rows: datasets.Dataset, name: str, where: str) -> list[str]:
    """Return the texts of a column.

    Raises:
        DataError: One is missing.
    """
    column = rows.select_columns([name]).with_format("arrow")[:][name]
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise fail(f"column {name!r} is missing in row {row}", where, "leave the row out")
    found: list[str] = column.to_pylist()
    return found


def number_block(rows: datasets.Dataset, name: str, where: str) -> npt.NDArray[Any]:
    """Return the numbers of a column, ``[N, …]``, read block by block.

    Raises:
        DataError: The rows are of different shapes, or hold no numbers, or are more than the memory holds.
    """
    read = rows.select_columns([name]).with_format("numpy")
    found: npt.NDArray[Any] = np.empty(0)
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(read[start : start + _BLOCK][name])
        if not start:
            refuse_larger(len(rows) * block[0].nbytes, Path(where), "choose another column: data.input=COLUMN")
            found = np.empty((len(rows), *block.shape[1:]), dtype=block.dtype)
        if block.dtype.kind not in "biuf" or block.shape[1:] != found.shape[1:]:
            what = f"column {name!r} holds {rows.features[name]}, in rows from {start} on not all of one shape"
            raise fail(what, where, "choose another column: data.input=COLUMN")
        found[start : start + len(block)] = block
    return found


class EncodedImages(Sequence[ImageFile]):
    """The files in a column of images; only those asked for are read."""

    def __init__(self, rows: datasets.Dataset, name: str, where: str) -> None:
        """Read the column ``name`` of ``rows``."""
        from datasets import Image

        self._rows, self._name, self._where = rows.cast_column(name, Image(decode=False)), name, where

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> ImageFile: ...
    @overload
    def __getitem__(self, index: slice) -> list[ImageFile]: ...
    def __getitem__(self, index: int | slice) -> ImageFile | list[ImageFile]:
        """Return one file, or those of a slice."""
        if isinstance(index, int):
            return self._file(index, self._rows[index][self._name])
        start, stop, _ = index.indices(len(self))
        found = self._rows[start:stop][self._name] if stop > start else []
        return [self._file(start + number, one) for number, one in enumerate(found)]

    def __iter__(self) -> Iterator[ImageFile]:
        """Yield the files in order, reading some at a time."""
        for start in range(0, len(self), 256):
            yield from self[start : start + 256]

    def _file(self, row: int, held: dict[str, Any] | None) -> ImageFile:
        if not held or not (held["bytes"] or held["path"]):
            raise fail(f"there is no image in row {row}", self._where, "leave the row out")
        return ImageBytes(f"{self._where}, row {row}", held["bytes"]) if held["bytes"] else Path(held["path"])
