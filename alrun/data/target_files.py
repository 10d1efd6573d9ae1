"""Columns that lie in a file of their own: labels and names of rows whose inputs are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.core.suggest import nearest
from alrun.data.files import SUFFIXES as TABLES
from alrun.data.files import FileOptions, read_file
from alrun.data.problems import existing_file, fail
from alrun.data.shipped import open_array

__all__ = ["SUFFIXES", "chosen_column", "read_column"]

SUFFIXES = (".npy", ".txt", *TABLES)
#: What a column of labels is called where nobody says.
USUAL = ("label", "labels", "target", "targets", "class", "y")


def read_column(path: str, key: str, name: str | None, name_key: str) -> tuple[npt.NDArray[Any], str]:
    """Return one value per row, ``[N]`` numbers or text, and where it stands, for messages.

    Args:
        path: A ``.npy`` array; a ``.txt`` file with one value a line; or a table.
        key: Config key of ``path``.
        name: Column of a table; ``None`` for the only one, or the one that is called like labels.
        name_key: Config key of ``name``.

    Raises:
        DataError: It cannot be read, or a value is missing.
    """
    file = existing_file(path, key, SUFFIXES)
    if file.suffix.lower() == ".npy":
        return np.asarray(open_array(file)), str(file)
    if file.suffix.lower() == ".txt":
        return _lines(file), str(file)
    frame = read_file(file, FileOptions()).frame
    chosen = chosen_column(name, list(map(str, frame.columns)), name_key, str(file))
    missing = np.flatnonzero(frame[chosen].isna().to_numpy())
    if len(missing):
        raise fail(f"column {chosen!r} is missing in row {missing[0]}", str(file), "leave the row out")
    column = frame[chosen]
    plain = column.dtype.kind in "biuf"
    return (column.to_numpy() if plain else column.astype(str).to_numpy(dtype=str)), f"{file}, column {chosen!r}"


def chosen_column(name: str | None, names: Sequence[str], key: str, where: str) -> str:
    """Return the column that is called ``name``; for ``None`` the only one, or the one that is called like labels.

    Raises:
        DataError: There is none; ``key`` is what is to be typed.
    """
    if name is not None and name in names:
        return name
    if name is not None:
        close = nearest(name, names, 1) or list(names[:1])
        hint = f"{key}={close[0]}" if close else "the file holds nothing else"
        raise fail(f"there is no {name!r} in {where}", key, hint)
    usual = [one for one in names if one.lower() in USUAL]
    found = names if len(names) == 1 else usual
    if len(found) != 1:
        what = "nothing in the file is called like labels" if not found else f"{' and '.join(found[:3])} may be labels"
        hint = f"{key}={(found or names)[0]}" if found or names else f"{key}=label"
        raise fail(what, where, hint)
    return found[0]


def _lines(file: Path) -> npt.NDArray[Any]:
    """Return the lines of a text, as whole numbers where all are such."""
    try:
        lines = np.asarray(file.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise fail(f"is not UTF-8: {error}", str(file), "save it as UTF-8") from error
    empty = np.flatnonzero(np.char.str_len(lines) == 0) if len(lines) else [0]
    if len(empty):
        raise fail("a value is missing", f"{file}, row {empty[0]}", "one value a line")
    try:
        return lines.astype(np.int64)
    except (ValueError, OverflowError):
        return lines
