"""Files of a run: a list of bounded length, and the way from an address to one of them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["addressed", "listed_files"]

MOST_FILES, MOST_LEVELS = 300, 8
#: Names, in the order in which people look for them; all others follow.
FIRST = ("run.json", "config.yaml", "records.parquet", "acquisitions.parquet", "timing.csv", "alrun.log")


def listed_files(run_dir: Path) -> tuple[list[tuple[str, str, str]], bool]:
    """Return path, size and kind of up to ``MOST_FILES`` files, and whether there are more; links are not followed.

    The kind is empty for what can be read, the size for what cannot.
    """
    found: list[tuple[str, str, str]] = []
    folders = [(run_dir, 0)]
    while folders:
        folder, level = folders.pop(0)
        try:
            with os.scandir(folder) as entries:
                sorted_entries = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in sorted_entries:
            if entry.is_dir(follow_symlinks=False):
                folders += [(folder / entry.name, level + 1)] if level < MOST_LEVELS else []
                continue
            if len(found) >= MOST_FILES:
                return _ordered(found), True
            name = (folder / entry.name).relative_to(run_dir).as_posix()
            is_file = entry.is_file(follow_symlinks=False)
            size = str(entry.stat(follow_symlinks=False).st_size) if is_file else ""
            found.append((name, size, "" if is_file else "no regular file"))
    return _ordered(found), False


def _ordered(found: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return sorted(found, key=lambda one: (FIRST.index(one[0]) if one[0] in FIRST else len(FIRST), one[0]))


def addressed(run_dir: Path, name: str) -> tuple[Path, int] | None:
    """Return the file ``name`` below ``run_dir`` and how deep it lies; ``None`` for what leads elsewhere.

    Whether it is a regular file, reached through no link, is seen when it is opened.
    """
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or "\0" in name or "\\" in name or len(parts) > MOST_LEVELS + 1:
        return None
    return run_dir.joinpath(*parts), len(parts)
