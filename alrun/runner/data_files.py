"""Data files of a run: searched where the run started, too, and compared by content instead of path."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.environment import described
from alrun.config.identity import identity_hash
from alrun.config.stored import parse_config
from alrun.core.errors import AlrunError
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from alrun.config.environment import Resolved

__all__ = ["located", "run_on_same_files", "same_but_for_paths"]

#: Arguments of alrun's own sources that are paths; the fingerprint of the data covers what is in these files.
PATHS = ("path", "targets", "embeddings")
OWN = "alrun.data."
#: Characters of the identity at the end of a run directory's name.
DIGITS = 8


def _paths(config: Mapping[str, Any]) -> dict[str, str]:
    data = config.get("data")
    own = isinstance(data, Mapping) and str(data.get("_target_", "")).startswith(OWN)
    return {key: data[key] for key in PATHS if isinstance(data.get(key), str)} if own and data is not None else {}


def located(config: dict[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """Return ``config`` to build from: a relative path of a data file leads to the first of ``folders`` that has it."""
    found = {key: _found(path, folders) for key, path in _paths(config).items()}
    return {**config, "data": {**config["data"], **found}} if found else config


def _found(path: str, folders: Sequence[Path]) -> str:
    try:
        if Path(path).expanduser().is_absolute():
            return path
        there = next((folder / path for folder in folders if (folder / path).exists()), None)
    except (OSError, ValueError, RuntimeError):
        return path
    return path if there is None or there == Path.cwd() / path else str(there)


def same_but_for_paths(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two described configs are of one experiment, if only the files that they name are the same."""
    keys = _paths(one).keys()
    return bool(keys) and keys == _paths(other).keys() and _pathless(one) == _pathless(other)


def _pathless(config: Mapping[str, Any]) -> str:
    return identity_hash({**config, "data": {**config["data"], **dict.fromkeys(_paths(config), "")}})


def run_on_same_files(place: Path, resolved: Resolved) -> Path | None:
    """Return the run beside ``place`` that is the same but names the same files, or equal ones, by other paths."""
    if not _paths(resolved.described) or place.exists():
        return None
    for path in sorted(place.parent.glob(f"{_escaped(place.name[:-DIGITS])}{'?' * DIGITS}")):
        if any(_named_alike(path, resolved)):
            return path
    return None


def _escaped(text: str) -> str:
    return text.replace("[", "[[]")


def _named_alike(path: Path, resolved: Resolved) -> Iterator[bool]:
    directory = RunDirectory(path)
    if path.is_symlink() or not directory.exists:
        return
    try:
        info = directory.info()
        stored = described(parse_config(directory.config_text(), str(directory.config)), info["environment"])
        if same_but_for_paths(stored, resolved.described):
            folders = (Path(info["folder"]), Path.cwd())
            before, now = _paths(located(stored, folders)), _paths(resolved.values)
            yield all(filecmp.cmp(before[key], Path(now[key]).expanduser(), shallow=False) for key in before)
    except (AlrunError, OSError, ValueError):
        return
