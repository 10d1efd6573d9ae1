"""``run.json``: what a run is and how far it has come."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alrun import __version__
from alrun.config.identity import EXTENDING, identity_hash
from alrun.core.callback import Callback
from alrun.core.events import PhaseFinished
from alrun.runner.checkout import commit_of
from alrun.runner.place import GROUPS
from alrun.store.rundir import RunDirectory

__all__ = ["Journal", "new_info"]

SECONDS_BETWEEN = 0.5
RECORDED = ("torch", "lightning", "hydra-core", "omegaconf", "numpy", "torchmetrics", "scikit-learn")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def new_info(config: Mapping[str, Any], choices: Mapping[str, str], fingerprint: str | None) -> dict[str, Any]:
    """Return the ``run.json`` of a run that begins."""
    return {
        "identity": identity_hash(config),
        "birth": os.urandom(8).hex(),
        "fingerprint": fingerprint,
        "status": "running",
        "reason": "",
        "name": config["name"],
        "seed": config["seed"],
        "choices": {group: choices.get(group, "") for group in GROUPS},
        "reset": config["training"].get("reset", ""),
        "step": 0,
        "phase": "",
        "labels": 0,
        "metrics": {},
        "versions": {"alrun": __version__, "python": platform.python_version()} | {p: _version(p) for p in RECORDED},
        "git": commit_of(Path.cwd()),
        **extent(config),
    }


def extent(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that says how far the run goes."""
    return {"budget": config["budget"], "extent": {key: config.get(key) for key in sorted(EXTENDING)}}


class Journal(Callback):
    """Keeps ``run.json`` up to date, for ``alrun status`` and for the answer to a repeated command.

    For ``alrun verify`` it notes the largest budget that the run was ever given (``granted``) and, when a session ends,
    the digest of the last commit (``head``).
    """

    def __init__(self, directory: RunDirectory, info: Mapping[str, Any]) -> None:
        """Continue from ``info`` and write it."""
        self._directory = directory
        self.info: dict[str, Any] = {**info, "head": "", "granted": max(info.get("granted", 0), info["budget"])}
        self._written = time.monotonic()
        directory.write_info(self.info)

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Note the phase, at most twice a second: a projection of the checkpoints, for who looks on."""
        self.info |= {"step": event.step, "phase": event.phase, "labels": event.labels, "metrics": dict(event.metrics)}
        now = time.monotonic()
        if now - self._written >= SECONDS_BETWEEN:
            self._written = now
            self._directory.write_info(self.info, durable=False)

    def close(self, status: str, reason: str, **values: Any) -> None:
        """Note how the session ended."""
        self.info |= {"status": status, "reason": reason, **values}
        self._directory.write_info(self.info)
