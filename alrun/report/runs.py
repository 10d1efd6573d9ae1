"""Run directories as ``run.json`` describes them. Needs neither torch nor pandas."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.parsing import parse_json
from alrun.store.description import checked_description
from alrun.store.lock import is_locked
from alrun.store.reading import Most, read_bytes
from alrun.store.run_folders import walk_folders
from alrun.store.rundir import ASIDE

__all__ = ["Run", "find_runs", "read_run", "walk"]

T = TypeVar("T")
DESCRIPTION = "run.json"


@dataclass(frozen=True)
class Run:
    """What ``run.json`` says of one run.

    Attributes:
        path: The run directory.
        status: ``running``, ``finished``, ``failed``, ``interrupted`` (also one that was killed), ``unreadable``, or
            ``not begun``: a sweep has asked for it.
        reason: Why it ended, or why it cannot be read.
        name: Name of the experiment, which is that of the folder of its runs.
        identity: The experiment's SHA-256; empty when unreadable.
        seed: The experiment's seed.
        choices: Option by config group, several joined by commas.
        reset: How the learner starts each training phase.
        step: Step that the run is in.
        phase: Phase that the run is in.
        labels: Labels bought so far.
        budget: Labels in all.
        metrics: Latest value of every metric.
        measured: Labels that had been bought when each was measured, where that is noted.
        versions: Versions of libraries in each session, without repetitions.
        machines: Machine of each session, without repetitions.
        tags: As the user gave them.
        notes: As the user gave them.
        fingerprint: Of the data; empty where none was noted.
        environment: Variables that count, with their values.
    """

    path: Path
    status: str
    reason: str = ""
    name: str = ""
    identity: str = ""
    seed: int = 0
    choices: dict[str, str] = field(default_factory=dict)
    reset: str = ""
    step: int = 0
    phase: str = ""
    labels: int = 0
    budget: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, int] = field(default_factory=dict)
    versions: Sequence[Mapping[str, Any]] = ()
    machines: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[str] = ()
    notes: str = ""
    fingerprint: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def find_runs(paths: Iterable[Path]) -> list[Run]:
    """Return the runs at or below ``paths``, each directory once, ordered by path.

    Passed over below them are hidden directories, links, and runs that were set aside; name one itself to see it. A
    folder that cannot be looked into has the status ``unreadable``, like a run.

    Raises:
        ConfigError: One of ``paths`` is not a directory.
    """
    paths = list(paths)
    problems = [
        Problem("no such directory", str(path), "alrun status DIR, or a first run: alrun query=entropy")
        for path in paths
        if not _is_folder(path)
    ]
    if problems:
        raise ConfigError(problems)
    found: dict[str, Run] = {}
    for path in paths:
        root = os.path.realpath(path)
        for below, run in walk(path, _described):
            found.setdefault(os.path.join(root, *below), run)  # noqa: PTH118 - a path object for each takes a second
    return sorted(found.values(), key=lambda run: run.path.parts)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def walk(folder: Path, look: Callable[[Path], T | None]) -> Iterator[tuple[tuple[str, ...], T | Run]]:
    """Yield what ``look`` makes of folders, with the names that lead to them.

    No folder below one of which it makes something is looked into; nor are hidden ones, links, and runs that were set
    aside. One that cannot be listed is yielded as an ``unreadable`` run.
    """
    for below, found in walk_folders(folder, look, lambda name: not name.startswith(".") and ASIDE not in name):
        if isinstance(found, OSError):
            yield below, Run(folder.joinpath(*below), "unreadable", f"cannot be listed: {found.strerror}")
        else:
            yield below, found


def read_run(directory: Path) -> Run:
    """Return the run in ``directory``; one whose description cannot be read has the status ``unreadable``."""
    return _described(directory) or Run(directory, "unreadable", f"{DESCRIPTION}: there is none")


def _described(directory: Path) -> Run | None:
    """Return the run in ``directory``, or ``None`` where there is no description."""
    try:
        return _from_json(directory, parse_json(read_bytes(directory / DESCRIPTION, Most.DESCRIPTION)))
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        reason = str(error).removeprefix(f"cannot read {directory / DESCRIPTION}: ")
    except (ValueError, MemoryError) as error:
        reason = f"{type(error).__name__}: {error}"
    return Run(directory, "unreadable", f"{DESCRIPTION}: {reason}")


def _from_json(directory: Path, json: Any) -> Run:
    content = checked_description(json)
    status = content["status"]
    if status == "running" and not is_locked(directory):
        status = "interrupted"
    return Run(
        path=directory,
        status=status,
        reason=content["reason"] or "",
        name=content["name"],
        identity=content["identity"],
        seed=content["seed"],
        choices={group: _joined(choice) for group, choice in content["choices"].items()},
        reset=content["reset"] or "",
        step=content["step"],
        phase=content["phase"],
        labels=content["labels"],
        budget=content["budget"],
        metrics={name: float(value) for name, value in content["metrics"].items() if value is not None},
        measured=content["measured"],
        versions=_distinct(content["sessions"], "versions"),
        machines=_distinct(content["sessions"], "machine"),
        tags=content["tags"],
        notes=content["notes"],
        fingerprint=content["fingerprint"] or "",
        environment=content["environment"],
    )


def _distinct(sessions: Sequence[Mapping[str, Any]], part: str) -> list[Mapping[str, Any]]:
    return list({repr(session.get(part, {})): session.get(part, {}) for session in sessions}.values())


def _joined(choice: str | list[str]) -> str:
    return ",".join(choice) if isinstance(choice, list) else choice
