"""Run directories as ``run.json`` describes them. Needs neither torch nor pandas."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alrun.core.errors import ConfigError, Problem
from alrun.store.codec import parse_json
from alrun.store.lock import is_locked

__all__ = ["Run", "find_runs", "read_run"]

DESCRIPTION = "run.json"

# In the name of a run that was set aside for a fresh one.
ASIDE = ".aside-"


@dataclass(frozen=True)
class Run:
    """What ``run.json`` says of one run.

    Attributes:
        path: The run directory.
        status: ``running``, ``finished``, ``failed``, ``interrupted`` (also one that was killed), or ``unreadable``.
        reason: Why it ended, or why it cannot be read.
        identity: The experiment's SHA-256; empty when unreadable.
        seed: The experiment's seed.
        choices: Option by config group, several joined by commas.
        reset: How the learner starts each training phase.
        step: Step that the run is in.
        phase: Phase that the run is in.
        labels: Labels bought so far.
        budget: Labels in all.
        metrics: Latest value of every metric.
    """

    path: Path
    status: str
    reason: str = ""
    identity: str = ""
    seed: int = 0
    choices: dict[str, str] = field(default_factory=dict)
    reset: str = ""
    step: int = 0
    phase: str = ""
    labels: int = 0
    budget: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


def find_runs(paths: Iterable[Path]) -> list[Run]:
    """Return the runs at or below ``paths``, each directory once, ordered by path.

    Passed over below them are hidden directories and runs that were set aside; name one itself to see it.

    Raises:
        ConfigError: One of ``paths`` is not a directory.
    """
    paths = list(paths)
    problems = [
        Problem("no such directory", str(path), "give the directory of a run, or one that holds runs: alrun status DIR")
        for path in paths
        if not path.is_dir()
    ]
    if problems:
        raise ConfigError(problems)
    found = {directory.resolve(): directory for path in paths for directory in _walk(path)}
    return sorted((read_run(directory) for directory in found.values()), key=lambda run: run.path)


def _walk(root: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        if DESCRIPTION in files:
            below.clear()
            yield Path(folder)
        below[:] = sorted(name for name in below if not name.startswith(".") and ASIDE not in name)


def read_run(directory: Path) -> Run:
    """Return the run in ``directory``; one whose description cannot be read has the status ``unreadable``."""
    try:
        return _from_json(directory, parse_json((directory / DESCRIPTION).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Run(directory, "unreadable", f"{DESCRIPTION}: {type(error).__name__}: {error}")


def _from_json(directory: Path, content: Mapping[str, Any]) -> Run:
    status = str(content["status"])
    if status == "running" and not is_locked(directory):
        status = "interrupted"
    return Run(
        path=directory,
        status=status,
        reason=str(content.get("reason") or ""),
        identity=str(content["identity"]),
        seed=int(content["seed"]),
        choices={group: _joined(choice) for group, choice in content["choices"].items()},
        reset=str(content.get("reset") or ""),
        step=int(content.get("step") or 0),
        phase=str(content.get("phase") or ""),
        labels=int(content.get("labels") or 0),
        budget=int(content.get("budget") or 0),
        metrics={name: float(value) for name, value in (content.get("metrics") or {}).items() if value is not None},
    )


def _joined(choice: Any) -> str:
    return ",".join(map(str, choice)) if isinstance(choice, list) else str(choice)
