"""``run.json``: description and progress of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alrun.config.environment import Resolved
from alrun.config.identity import EXTENDING, identity_hash
from alrun.core.callback import Callback
from alrun.core.events import PhaseFinished
from alrun.core.phases import ActiveLearningPhase
from alrun.runner.checkout import commit_of
from alrun.runner.run_path import GROUPS
from alrun.runner.sessions import notices, session_now, with_session
from alrun.store.rundir import RunDirectory

__all__ = ["Journal", "begin_session", "extent", "new_info"]

SECONDS_BETWEEN = 0.5


def new_info(
    config: Resolved, choices: Mapping[str, str], fingerprint: str | None, algorithms: Mapping[str, int], folder: str
) -> dict[str, Any]:
    """Return the ``run.json`` of a run that begins in ``folder``, before its first session; it holds no secret."""
    told = config.described
    return {
        "identity": identity_hash(told),
        "birth": os.urandom(8).hex(),
        "algorithms": dict(algorithms),
        "environment": dict(config.environment),
        "fingerprint": fingerprint,
        "folder": folder,
        "status": "running",
        "reason": "",
        "name": told["name"],
        "tags": [],
        "notes": "",
        "seed": told["seed"],
        "choices": {group: choices.get(group, "") for group in GROUPS},
        "reset": told["training"].get("reset", ""),
        "step": 0,
        "phase": "",
        "labels": 0,
        "metrics": {},
        "measured": {},
        "threads": None,
        "sessions": [],
        **extent(told),
    }


def begin_session(info: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return ``run.json`` with the session that begins, and what is to be said of it."""
    session = {**session_now(), "git": commit_of(Path.cwd())}
    before = info.get("sessions")
    sessions = before if isinstance(before, list) else []
    step = info.get("step")
    return {**info, "sessions": with_session(sessions, session, step if isinstance(step, int) else 0)}, notices(
        sessions, session
    )


def extent(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that says how far the run goes."""
    return {"budget": config["budget"], "extent": {key: config.get(key) for key in sorted(EXTENDING)}}


class Journal(Callback):
    """Keeps ``run.json`` up to date, for ``alrun status`` and for the answer to a repeated command.

    For ``alrun verify`` it notes the largest budget that the run was ever given (``granted``) and, when a session ends,
    the digest of the last commit (``head``), and size and SHA-256 of the projections (``projections``).

    Attributes:
        info: What ``run.json`` holds.
        sealed: The projections as the session before left them.
    """

    def __init__(self, directory: RunDirectory, info: Mapping[str, Any]) -> None:
        """Continue from ``info`` and write it."""
        self._directory = directory
        self.sealed: Mapping[str, Any] = info.get("projections") or {}
        begun = {"head": "", "projections": {}, "granted": max(info.get("granted", 0), info["budget"])}
        self.info: dict[str, Any] = {**info, **begun}
        self._written = time.monotonic()
        directory.write_info(self.info)

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Note the phase, at most twice a second: a projection of the checkpoints, for who looks on."""
        self.info |= {"step": event.step, "phase": event.phase, "labels": event.labels, "metrics": dict(event.metrics)}
        if event.phase == ActiveLearningPhase.METROLOGY:
            self.info["measured"] = dict.fromkeys(event.metrics, event.labels)
        now = time.monotonic()
        if now - self._written >= SECONDS_BETWEEN:
            self._written = now
            self._directory.write_info(self.info, durable=False)

    def close(self, status: str, reason: str, **values: Any) -> None:
        """Note how the session ended."""
        self.info |= {"status": status, "reason": reason, **values}
        self._directory.write_info(self.info)
