"""Pauses between phases: a run waits for as long as the last request made of it is to pause."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.control import PAUSED, ControlRequest, add_request, read_requests, requests_size

__all__ = ["Pause"]

POLL_SECONDS = 0.25


class Pause:
    """Waits while somebody wants the run to pause. Requests from before this session do not count."""

    def __init__(self, run_dir: Path, logger: logging.Logger) -> None:
        """Begin a session of the run in ``run_dir``; one that was to pause goes on with it, and that is noted."""
        self._run_dir, self._logger = run_dir, logger
        if _wants_pause(_last(run_dir, 0)):
            self._note("continue", "a new session has begun")
        self._since = requests_size(run_dir)

    def wait(self, check: Callable[[], None]) -> None:
        """Return when nobody wants the run to pause; ``check`` is called while it waits, and may raise."""
        paused = False
        while self._is_wanted():
            if not paused:
                self._logger.info("paused")
                self._note(PAUSED)
                paused = True
            check()
            time.sleep(POLL_SECONDS)
        if paused:
            self._logger.info("goes on")

    def _note(self, action: str, reason: str = "") -> None:
        with suppress(StoreError):
            add_request(self._run_dir, action, "alrun", reason)

    def _is_wanted(self) -> bool:
        size = requests_size(self._run_dir)
        if size == self._since:
            return False
        return _wants_pause(_last(self._run_dir, self._since))


def _last(run_dir: Path, since: int) -> ControlRequest | None:
    with suppress(StoreError):
        found = read_requests(run_dir, since)
        return found[-1] if found else None
    return None


def _wants_pause(request: ControlRequest | None) -> bool:
    return request is not None and request.action in ("pause", PAUSED)
