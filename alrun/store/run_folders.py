"""Walk over the folders below which runs lie: in the order of their names, of bounded depth, through no link."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

__all__ = ["MOST_LEVELS", "walk_folders"]

T = TypeVar("T")
#: Folders between the one that is named and a run.
MOST_LEVELS = 32


def walk_folders(
    folder: Path, look: Callable[[Path], T | None], is_entered: Callable[[str], bool], level: int = 0
) -> Iterator[tuple[tuple[str, ...], T | OSError]]:
    """Yield what ``look`` makes of ``folder`` and of folders below it, with the names that lead to each.

    No folder below one of which it makes something is looked into. One that cannot be listed is yielded as the error;
    one that has vanished is not.

    Args:
        folder: Where to begin; it may be a link.
        look: Returns ``None`` for a folder that is to be looked into.
        is_entered: Whether folders of this name are, below the first.
        level: How far below the first ``folder`` is.
    """
    found = look(folder)
    if found is not None:
        yield (), found
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    except OSError as error:
        yield (), error
        return
    for name in filter(is_entered, names if level < MOST_LEVELS else ()):
        for below, one in walk_folders(folder / name, look, is_entered, level + 1):
            yield (name, *below), one
