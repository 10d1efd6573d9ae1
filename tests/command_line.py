"""The command line and what it leaves, for tests that type it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A whole run in a fraction of a second: a cold start and two queries.
SMALL = (
    *("data=moons", "data.n_samples=300", "learner.hidden=[8]", "training.max_epochs=2"),
    *("initial_size=10", "query_size=10", "budget=30", "progress=false"),
)


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Alrun = Callable[..., Answer]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start ``alrun`` in a process of its own."""
    command = [sys.executable, "-m", "alrun", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, text=True, stdout=pipe, stderr=pipe)


def finish(process: subprocess.Popen[str]) -> Answer:
    """Wait for ``process``."""
    out, err = process.communicate(timeout=120)
    return Answer(process.returncode, out, err)


def contents(folder: Path) -> set[str]:
    """Return everything below ``folder``."""
    return {str(os.path.relpath(path, folder)) for path in folder.rglob("*")}


def runs(folder: Path) -> list[Path]:
    """Return the run directories below ``folder``, by name; those that were set aside are left out."""
    return sorted(path.parent for path in folder.rglob("run.json") if ".aside-" not in path.parent.name)


def info(run: Path) -> dict[str, Any]:
    """Return ``run.json``."""
    loaded: dict[str, Any] = json.loads((run / "run.json").read_text())
    return loaded


def commits(folder: Path) -> dict[str, int]:
    """Return when each phase below ``folder`` was committed; the same after a command that executed nothing."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("MANIFEST.json")}


def results(run: Path) -> dict[str, str]:
    """Return hashes of what must not depend on how often a run was interrupted, or on where it lies."""
    files = [run / "records.parquet", run / "acquisitions.parquet", *run.glob("checkpoints/*/training/weights*")]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
