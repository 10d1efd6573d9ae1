"""Helpers for the errors that data sources raise."""

from __future__ import annotations

import os
from pathlib import Path

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import DataError, Problem
from alrun.core.showing import printable
from alrun.core.suggest import nearest
from alrun.core.types import Task

__all__ = ["existing_file", "fail", "parse_task"]

#: Bytes of a file name that file systems take.
MOST_BYTES = 255


def fail(what: str, where: str, hint: str = "") -> DataError:
    """Return the error of one problem, to be raised by the caller."""
    return DataError(Problem(what, where, hint))


def existing_file(path: str, key: str, suffixes: tuple[str, ...]) -> Path:
    """Return ``path``, taken from the working directory, if it is a file whose name ends in one of ``suffixes``.

    Raises:
        DataError: It is missing (the hint names the nearest files of that folder), is no file, or ends otherwise.
    """
    file = Path(path).expanduser()
    if len(os.fsencode(file.name)) > MOST_BYTES or "\0" in path:
        raise fail(f"{printable(file.name, 50)!r} cannot be the name of a file", key, f"at most {MOST_BYTES} bytes")
    if not file.parent.is_dir():
        raise fail(f"there is no folder {str(file.parent)!r}", key, f"relative paths start at {Path.cwd()}")
    if not file.exists():
        there = sorted(each.name for each in file.parent.iterdir() if each.name.lower().endswith(suffixes))
        close = nearest(file.name, there, 3) or there[:3]
        names = ", ".join(str(file.parent / name) for name in close)
        hint = (
            f"did you mean {names}?" if names else f"no file in {file.parent.resolve()} ends in {' or '.join(suffixes)}"
        )
        raise fail(f"there is no file {str(file)!r}", key, hint)
    if not file.is_file():
        raise fail(f"{str(file)!r} is a folder, not a file", key, f"give a file that ends in {' or '.join(suffixes)}")
    if not file.name.lower().endswith(suffixes):
        raise fail(f"the format of {file.name!r} is unknown", key, f"it should end in {', '.join(suffixes)}")
    return file


def parse_task(task: str) -> Task | None:
    """Return the ``task`` setting, ``None`` for ``auto``.

    Raises:
        DataError: It is something else.
    """
    names = ["auto", *(str(each) for each in Task)]
    raise_any(choice_problems("data.task", task, names), DataError)
    return None if task == "auto" else Task(task)
