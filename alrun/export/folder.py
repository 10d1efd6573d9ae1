"""Folder of files that others take: new, and there with all of them or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alrun.core.errors import ConfigError, Problem
from alrun.store.files import Pieces, commit_directory, remove_tree

__all__ = ["write_folder"]


def write_folder(place: Path, files: Mapping[str, bytes | Pieces], last: str) -> None:
    """Write ``files`` by name to ``place``, which may be an empty folder; ``last`` is written after all others.

    Raises:
        ConfigError: Something is there already.
        StoreError: The disk refuses.
    """
    if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
        remove_tree(place)
    if place.exists() or place.is_symlink():
        raise ConfigError(Problem("something is there already", str(place), "--to NEW_FOLDER"))
    commit_directory(place, files, last=last)
