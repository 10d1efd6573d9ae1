"""Run directory: paths and small files of a run."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.core.errors import FormatError, StoreError
from alrun.core.parsing import parse_json
from alrun.store.description import checked_description
from alrun.store.disk import DISK
from alrun.store.files import TEMPORARY_PREFIX, flush, flush_directory, remove_tree, rename, write_atomic
from alrun.store.log import LogHandler
from alrun.store.reading import Most, foreign_entries, is_there, read_bytes
from alrun.store.sweep_jobs import FOLDER as SWEEPS

__all__ = ["ASIDE", "RunDirectory", "remove_empty_sweep"]

RUN = "run.json"
CONFIG = "config.yaml"
SWEEP = ".multirun"
LOCK = ".lock"
#: Of the directory, counted up when it is laid out otherwise. 1 noted versions once, and no algorithms.
FORMAT = 2
VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}")
LABELS = "labels.jsonl"
#: In the name of a run that was set aside for a fresh one.
ASIDE = ".aside-"
#: In the name of a folder beside a run, with labels that it could not take in.
RESCUED = ".rescued-"
#: Key of the SHA-256 over the rest of ``run.json``.
DIGEST = "digest"
REPAIRED = "repeat the command that started the run, with repair=true to rewrite it, or with fresh=true to start over"


class RunDirectory:
    """Paths and small files of one run.

    Attributes:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        """Refer to ``path``; nothing is created."""
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Directory of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def labels(self) -> Path:
        """Directory of the label log."""
        return self.path / "labels"

    @property
    def recorded(self) -> Path:
        """Directory of the labels of an earlier run, where this one is a rerun."""
        return self.path / "recorded"

    @property
    def records(self) -> Path:
        """The metric records."""
        return self.path / "records.parquet"

    @property
    def acquisitions(self) -> Path:
        """The ledger of acquired samples."""
        return self.path / "acquisitions.parquet"

    @property
    def timing(self) -> Path:
        """The wall-clock table."""
        return self.path / "timing.csv"

    @property
    def config(self) -> Path:
        """The composed config, unresolved."""
        return self.path / CONFIG

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return is_there(self.path / RUN)

    @property
    def obstacle(self) -> Path | None:
        """What keeps the directory from being made: a file in its way, or a folder that may not be written."""
        nearest = next(path for path in (self.path, *self.path.parents) if path.exists())
        return None if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else nearest

    def info(self) -> dict[str, Any]:
        """Return ``run.json``.

        One of an older format is brought to this one; it is written so by the next session.

        Raises:
            StoreError: There is none, it is damaged, or a later alrun has written it.
        """
        path = self.path / RUN
        try:
            info = parse_json(read_bytes(path, Most.DESCRIPTION), exact=True)
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}\n    → {REPAIRED}") from error
        if isinstance(info, dict) and info.pop(DIGEST, "") != _digest(info):
            raise StoreError(f"{path} is damaged: it is not what was written\n    → {REPAIRED}")
        info = _migrated(path, info)
        try:
            return checked_description(info)
        except StoreError as error:
            raise StoreError(f"{path} is damaged: {error}\n    → {REPAIRED}") from None

    def write_info(self, info: Mapping[str, Any], *, durable: bool = True) -> None:
        """Replace ``run.json``."""
        body = {"format": FORMAT, **info}
        data = json.dumps({**body, DIGEST: _digest(json.loads(json.dumps(body)))}, indent=1).encode()
        write_atomic(self.path / RUN, data + b"\n", durable=durable)

    def config_text(self) -> str:
        """Return ``config.yaml``.

        Raises:
            StoreError: It cannot be read.
        """
        try:
            return read_bytes(self.config, Most.CONFIG).decode()
        except UnicodeDecodeError as error:
            raise StoreError(f"cannot read {self.config}: {error}") from error

    def write_config(self, text: str) -> None:
        """Replace ``config.yaml``."""
        write_atomic(self.config, text.encode())

    def log_handler(self, cleaned: Callable[[str], str] = str) -> logging.Handler:
        """Return a handler that appends to ``alrun.log`` what ``cleaned`` makes of each message."""
        handler = LogHandler(self.path / "alrun.log", cleaned)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        return handler

    def refuse_links(self) -> None:
        """Go through everything below the directory: what is written there must go nowhere else, and wait for nobody.

        Raises:
            StoreError: Something there is neither a file nor a folder: a link, a FIFO, a socket, a device.
        """
        for path, kind in foreign_entries(self.path):
            remedy = "replace it by what it leads to" if kind == "a link" else "move it away"
            raise StoreError(f"{path} is {kind}; a run contains only regular files and folders\n    → {remedy}")

    def remove_temporaries(self) -> None:
        """Remove what a killed process left half written; the caller holds the lock."""
        for place in ("", "labels/", "recorded/", "checkpoints/step_*/", "*/*/"):
            for leftover in self.path.glob(f"{place}{TEMPORARY_PREFIX}*"):
                remove_tree(leftover)

    @property
    def prepared(self) -> RunDirectory:
        """Where a run is prepared that takes this place when it is complete."""
        return RunDirectory(self.path.with_name(f".{self.path.name}.prepared"))

    def install(self) -> None:
        """Put the prepared run in this place, where nothing is; the caller has set aside what was.

        Whoever finds the place empty does this first: a process may have died between the two.
        """
        if self.prepared.exists and not self.path.exists():
            rename(self.prepared.path, self.path)

    def settle(self) -> None:
        """Flush what a killed process wrote and did not come to flush: from here on it counts as safe.

        A label that is read from the log is not asked for again, so it must not be lost to a later power cut; nor may
        a folder be, in which everything else is flushed.

        Raises:
            StoreError: The disk refuses.
        """
        log = self.labels / LABELS
        steps = sorted(self.checkpoints.glob("step_*"), key=lambda path: path.lstat().st_mtime)
        if log.is_file() and not log.is_symlink():
            flush(log)
        for folder in (self.labels, *steps[-1:], self.checkpoints, self.path, self.path.parent):
            if folder.is_dir():
                flush_directory(folder)
        for folder in self.path.parents[1:3]:
            if os.access(folder, os.R_OK):
                flush_directory(folder)

    def set_aside(self) -> Path:
        """Move the whole run out of the way, its lock and what was rescued of it too, and return its new place.

        Nothing is deleted.
        """
        aside = self.next_aside
        if self.path.exists():
            rename(self.path, aside)
        for rescued in self.rescued:
            rename(rescued, aside.with_name(aside.name + rescued.name.removeprefix(self.path.name)))
        return aside

    @property
    def next_aside(self) -> Path:
        """Where the run would be moved out of the way."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}{ASIDE}{number}")).exists():
            number += 1
        return aside

    @property
    def rescued(self) -> list[Path]:
        """Folders beside the run with labels that it could not take in."""
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}{RESCUED}*"))

    @property
    def missing(self) -> list[Path]:
        """The folders that a run here has to make first, deepest first; the directory itself is not among them."""
        return [parent for parent in self.path.parents if not parent.exists()]

    def remove_if_unused(self, made: Sequence[Path] = ()) -> None:
        """Remove a directory in which no run was ever started, and the folders ``made`` for it that are empty."""
        if self.exists or not self.path.is_dir():
            return
        if any(entry.name != LOCK and not entry.name.startswith(TEMPORARY_PREFIX) for entry in self.path.iterdir()):
            return
        remove_tree(self.path)
        _remove_empty(made)


def _migrated(path: Path, info: Any) -> dict[str, Any]:
    """Return ``run.json`` as one of this format."""
    number = info.get("format") if isinstance(info, dict) else None
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise StoreError(f"{path} is not a run of alrun")
    if number > FORMAT:
        what = f"{path} is of format {number}; this alrun knows formats up to {FORMAT}"
        raise FormatError(f"{what}\n    → pip install {_written_by(info)}")
    if number == 1:
        first = {"step": 0, "count": 1, "versions": info.pop("versions", {}), "git": info.pop("git", None)}
        info |= {"algorithms": {}, "environment": {}, "threads": None, "sessions": [first]}
    return {**info, "format": FORMAT}


def _written_by(info: Mapping[str, Any]) -> str:
    """Return what to install to go on: the alrun that wrote ``run.json`` last, or the newest if it does not say."""
    try:
        version = str(info["sessions"][-1]["versions"]["alrun"])
    except (LookupError, TypeError):
        version = ""
    return f"'alrun>={version}'" if VERSION.fullmatch(version) else "--upgrade alrun"


def _digest(info: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(info, sort_keys=True).encode()).hexdigest()


def remove_empty_sweep(folder: Path, made: Sequence[Path] = ()) -> None:
    """Remove what is noted of a sweep in ``folder`` when no run is beside it, and the empty ones of ``made``."""
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {SWEEP, SWEEPS}:
        for name in (SWEEP, SWEEPS):
            remove_tree(folder / name)
    _remove_empty(made)


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            DISK.rmdir(folder)
        except OSError:
            return
