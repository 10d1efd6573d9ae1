"""Index of the runs below a directory: each ``run.json`` is read once, and again when it has changed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alrun.core.metrics import PREFERRED
from alrun.report.runs import DESCRIPTION, Run, read_run, walk
from alrun.store.lock import is_locked

__all__ = ["Entry", "Index", "key_of", "shortened"]

#: Size, moment of the last change and number of a file; ``None`` where it cannot be looked at.
Stamp = tuple[int, int, int] | None
#: Files of a run that its page shows.
FOLLOWED = (DESCRIPTION, "records.parquet", "acquisitions.parquet", "timing.csv", "alrun.log", "control.jsonl")
#: Runs that are read before those who look on are told of them.
PIECE = 500
#: Characters of names and reasons, and options, of a run.
MOST_NAME, MOST_REASON, MOST_CHOICES = 200, 2000, 50


@dataclass(frozen=True)
class Entry:
    """A run, as far as lists show it.

    Attributes:
        key: Its name in addresses, made of its place alone.
        place: Where it lies below the root.
        folder: Where its folder lies; runs of one sweep share it.
        run: What ``run.json`` says; of its metrics the main one alone.
        stamp: Of ``run.json``, when it was read.
        is_held: Whether a process held it then.
    """

    key: str
    place: str
    folder: str
    run: Run
    stamp: Stamp
    is_held: bool


class Index:
    """The runs below a directory.

    Attributes:
        root: The directory.
        is_whole: Whether all of them have been read once.
    """

    def __init__(self, root: Path) -> None:
        """Know of no run yet."""
        self.root = root
        self.is_whole = False
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._keys: dict[str, Entry] = {}
        self._changes: dict[str, int] = defaultdict(int)

    def scan(self) -> None:
        """Look at every run directory; read those that have changed."""
        found: dict[str, Entry] = {}
        fresh: list[Entry] = []
        for below, one in walk(self.root, self._look):
            place = os.path.join(*below) if below else "."  # noqa: PTH118 - a path object for each takes a second
            entry = one if isinstance(one, Entry) else self._entry(place, one, None)
            found[place] = entry
            if self._entries.get(place) is not entry:
                fresh.append(entry)
            if len(fresh) >= PIECE and not self.is_whole:
                self._publish(self._entries | found, fresh)
                fresh = []
        gone = [entry for place, entry in self._entries.items() if place not in found]
        was_whole, self.is_whole = self.is_whole, True
        self._publish(found, fresh + gone, always=not was_whole)

    def entries(self, folder: str | None = None) -> Sequence[Entry]:
        """Return the runs, or those of one folder, ordered by place."""
        with self._lock:
            every = list(self._entries.values())
        return sorted((one for one in every if folder in (None, one.folder)), key=lambda one: one.place)

    def run(self, key: str) -> Entry | None:
        """Return the run that addresses name so."""
        with self._lock:
            return self._keys.get(key)

    def folder(self, key: str) -> str | None:
        """Return the folder that addresses name so, if runs lie there."""
        return next((one for one in {entry.folder for entry in self.entries()} if key_of(one) == key), None)

    def title(self, folder: str) -> str:
        """Return what ``folder`` is called; the root by its own name."""
        return folder if folder != "." else self.root.absolute().name or str(self.root)

    def state(self, folder: str | None = None) -> str:
        """Return what is another text whenever a run, or one of ``folder``, has changed."""
        return str(self._changes.get("*" if folder is None else f"/{folder}", 0))

    def run_state(self, key: str) -> str:
        """Return what is another text whenever a file of a run that is followed has changed."""
        entry = self.run(key)
        if entry is None:
            return ""
        stamps = [_stamp(entry.run.path / name) for name in FOLLOWED]
        return hashlib.sha256(repr((stamps, is_locked(entry.run.path))).encode()).hexdigest()[:16]

    def _publish(self, entries: dict[str, Entry], changed: Sequence[Entry], *, always: bool = False) -> None:
        with self._lock:
            self._entries = entries
            self._keys = {entry.key: entry for entry in entries.values()}
        if changed or always:
            self._changes["*"] += 1
        for folder in {entry.folder for entry in changed}:
            self._changes[f"/{folder}"] += 1

    def _look(self, folder: Path) -> Entry | None:
        """Return the run in ``folder`` as it was read, or is now; ``None`` where there is none."""
        try:
            found = os.lstat(folder / DESCRIPTION)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return self._entry(self._place(folder), read_run(folder), None)
        place, stamp = self._place(folder), (found.st_size, found.st_mtime_ns, found.st_ino)
        known = self._entries.get(place)
        if known is not None and known.stamp == stamp and not self._was_taken(known):
            return known
        return self._entry(place, read_run(folder), stamp)

    def _was_taken(self, known: Entry) -> bool:
        """Return whether a process has taken or left a run that is not at its end; its files do not tell."""
        return known.run.status in ("running", "interrupted") and known.is_held != is_locked(known.run.path)

    def _place(self, folder: Path) -> str:
        return os.path.relpath(folder, self.root)

    def _entry(self, place: str, run: Run, stamp: Stamp) -> Entry:
        main = next((name for name in (*PREFERRED, *run.metrics) if name in run.metrics), None)
        metrics = {} if main is None else {main: run.metrics[main]}
        measured = {} if main is None else {main: run.measured.get(main, run.labels)}
        slim = replace(shortened(run), versions=(), machines=(), metrics=metrics, measured=measured)
        return Entry(key_of(place), place, os.path.dirname(place) or ".", slim, stamp, run.status == "running")  # noqa: PTH120 - likewise


def shortened(run: Run) -> Run:
    """Return ``run`` with names of a length that pages can show."""
    choices = {group[:MOST_NAME]: choice[:MOST_NAME] for group, choice in list(run.choices.items())[:MOST_CHOICES]}
    return replace(run, choices=choices, reason=run.reason[:MOST_REASON], reset=run.reset[:MOST_NAME])


def key_of(place: str) -> str:
    """Return the name of a run or a folder in addresses: 16 hexadecimal digits, whatever its name holds."""
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


def _stamp(path: Path) -> Stamp:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
