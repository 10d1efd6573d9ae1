"""Requests that people have made of a run, as its page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.store.control import PAUSED, ControlRequest, read_requests

__all__ = ["pausing", "requests_of"]


def requests_of(run_dir: Path) -> Sequence[ControlRequest]:
    """Return what has been asked of the run, the oldest first; nothing where that cannot be read."""
    try:
        return read_requests(run_dir)
    except StoreError:
        return []


def pausing(run_dir: Path) -> str:
    """Return ``pausing`` for a run that is to pause after its phase, ``paused`` for one that has; else empty."""
    found = requests_of(run_dir)
    return {"pause": "pausing", PAUSED: "paused"}.get(found[-1].action, "") if found else ""
