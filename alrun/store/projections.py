"""Projections: files of a run that can be rebuilt from its commits and label log; flushed, sealed, compared later.

Of what lies in a run directory, the checkpoints, the label log and the identity in ``run.json`` are the truth. The
tables, ``config.yaml`` and all below ``metrology/`` are projections of it: they are written anew by the next session
that finds one missing or changed. ``timing.csv``, ``alrun.log``, ``control.jsonl`` and ``callbacks/`` are diaries: what
a power cut takes of them is gone, and nothing depends on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from alrun.core.errors import StoreError
from alrun.store.files import flush, flush_directory
from alrun.store.reading import file_sha256, file_size
from alrun.store.rundir import RunDirectory

__all__ = ["changed_projections", "sealed_projections"]

METROLOGY = "metrology"
#: A strategy that writes more files than these looks after them itself; ``run.json`` is not made of them.
MOST_FILES = 100
DIARIES = ("timing.csv", "alrun.log", "control.jsonl", "callbacks")


def sealed_projections(directory: RunDirectory) -> dict[str, dict[str, Any]]:
    """Flush all projections and diaries with their folders; return size and SHA-256 of each projection by name.

    Raises:
        StoreError: The disk refuses.
    """
    root = directory.path
    tables = [path for path in (directory.records, directory.acquisitions, directory.config) if path.is_file()]
    strategies = sorted((root / METROLOGY).glob("*"))
    projections = [*tables, *(file for one in strategies for file in _files_below(one)[:MOST_FILES])]
    diaries = [file for name in DIARIES for file in _files_below(root / name)]
    folders = {folder for path in (*projections, *diaries) for folder in path.parents if folder.is_relative_to(root)}
    for path in (*projections, *diaries):
        flush(path)
    for folder in sorted(folders, reverse=True):
        flush_directory(folder)
    names = [path.relative_to(root).as_posix() for path in projections]
    return {name: _seal(root, name) for name in names}


def changed_projections(directory: RunDirectory, sealed: Any) -> Iterator[tuple[str, str]]:
    """Yield the name of each projection that is not as it was sealed, and what is the matter with it."""
    if not isinstance(sealed, Mapping):
        yield "run.json", "does not tell what the run's projections were"
        return
    for name, seal in sealed.items():
        try:
            what = "" if _seal(directory.path, name) == seal else "is not what was written"
        except StoreError as error:
            gone = isinstance(error.__cause__, FileNotFoundError)
            what = "is missing" if gone else str(error).removeprefix(f"cannot read {directory.path / str(name)}: ")
        except ValueError as error:
            what = str(error)
        if what:
            yield str(name), what


def _files_below(path: Path) -> list[Path]:
    """Return the regular files at or below ``path``, sorted; links are not followed."""
    if path.is_symlink():
        return []
    found = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sorted(file for file in (found or [path]) if file.is_file() and not file.is_symlink())


def _seal(root: Path, name: str) -> dict[str, Any]:
    """Return size and SHA-256 of the file ``name`` below ``root``.

    Raises:
        ValueError: It leads elsewhere.
        StoreError: It cannot be read, or it is a link, or reached through one.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or {".", ".."} & set(parts) or "\0" in name:
        raise ValueError("leads elsewhere")
    path, depth = root.joinpath(*parts), len(parts)
    return {"size": file_size(path, depth), "sha256": file_sha256(path, depth)}
