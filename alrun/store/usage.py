"""Space that the parts of a run take on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from alrun.store.checkpoints import WEIGHTS

__all__ = ["total_size", "usage"]

#: Parts of a run by the first name of a path in it; what is in none of them is a table.
PARTS = {"checkpoints": "states", "labels": "labels", "recorded": "labels", "alrun.log": "logs", "callbacks": "logs"}
PASSED_OVER = ".passed-over-"


def usage(directory: Path) -> Mapping[str, int]:
    """Return the bytes of each part: ``weights``, ``states``, ``passed over``, ``labels``, ``logs``, ``tables``."""
    sizes: Counter[str] = Counter()
    for names, size in _files(directory, ()):
        part = PARTS.get(names[0], "tables")
        if part == "states" and any(PASSED_OVER in name for name in names):
            part = "passed over"
        elif part == "states" and names[-1] == WEIGHTS:
            part = "weights"
        sizes[part] += size
    return sizes


def total_size(directory: Path) -> int:
    """Return the bytes of all files below ``directory``."""
    return sum(size for _, size in _files(directory, ()))


def _files(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the names that lead to each file, and its size; links are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        names = (*above, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _files(folder / entry.name, names)
        elif entry.is_file(follow_symlinks=False):
            yield names, entry.stat(follow_symlinks=False).st_size
