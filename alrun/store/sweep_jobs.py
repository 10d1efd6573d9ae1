"""Jobs of sweeps: names of the run directories that sweeps have asked for, noted beside the runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.core.parsing import parse_json
from alrun.store.files import make_directory, write_atomic
from alrun.store.reading import Most, read_bytes

__all__ = ["FOLDER", "note_jobs", "noted_jobs"]

#: Hidden folder beside the runs: a file for each sweep.
FOLDER = ".sweeps"
#: Sweeps that are looked at in one folder.
MOST_SWEEPS = 1000


def note_jobs(folder: Path, names: Iterable[str]) -> None:
    """Note that a sweep asks for the runs ``names`` in ``folder``; the same sweep is noted once.

    Raises:
        StoreError: The disk is full, or nothing can be written there.
    """
    text = json.dumps(sorted(names), indent=0)
    make_directory(folder / FOLDER)
    write_atomic(folder / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json", text.encode())


def noted_jobs(folder: Path) -> frozenset[str]:
    """Return the names of all runs that sweeps have asked for in ``folder``; a note that is damaged says nothing."""
    try:
        notes = sorted(path for path in (folder / FOLDER).iterdir() if path.suffix == ".json")[:MOST_SWEEPS]
    except OSError:
        return frozenset()
    return frozenset(name for note in notes for name in _names(note))


def _names(note: Path) -> list[str]:
    try:
        names = parse_json(read_bytes(note, Most.CONFIG, depth=2))
    except (StoreError, ValueError, MemoryError):
        return []
    if not isinstance(names, list):
        return []
    return [name for name in names if isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name]
