"""Requests that people make of a run while it goes on: who asked for what, when and why.

A diary like ``alrun.log``: no result depends on it, and it is no part of what is compared. Whoever asks appends a line;
the run reads it at the beginning of its next phase.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alrun.core.errors import StoreError
from alrun.core.parsing import parse_json
from alrun.core.showing import printable
from alrun.store.append_log import AppendLog
from alrun.store.reading import file_size, is_there, opened

__all__ = ["ACTIONS", "PAUSED", "ControlRequest", "add_request", "read_requests", "requests_size"]

CONTROL = "control.jsonl"
#: What people ask for; and what a run notes when it has come to the pause that somebody asked for.
ACTIONS, PAUSED = ("pause", "continue", "stop", "resume"), "paused"
#: Characters of an author and of a reason, and bytes of the file: nobody asks for more.
MOST_AUTHOR, MOST_REASON, MOST = 100, 500, 1 << 20


@dataclass(frozen=True)
class ControlRequest:
    """Something that was asked of a run.

    Attributes:
        action: One of ``ACTIONS``, or ``PAUSED``.
        author: Who asked for it.
        reason: Why.
        when: When, UTC.
    """

    action: str
    author: str
    reason: str = ""
    when: str = ""


def add_request(run_dir: Path, action: str, author: str, reason: str = "") -> ControlRequest:
    """Append a request to the run in ``run_dir``; it is on the disk afterwards.

    Raises:
        StoreError: It cannot be written, or something else is in its place.
    """
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    request = ControlRequest(action, printable(author, MOST_AUTHOR), printable(reason, MOST_REASON), when)
    path = run_dir / CONTROL
    if is_there(path) and file_size(path) > MOST:
        raise StoreError(f"{path} holds more requests than anybody makes\n    → move it away")
    with AppendLog(path) as log:
        log.append(json.dumps(asdict(request)).encode() + b"\n")
    return request


def requests_size(run_dir: Path) -> int:
    """Return the bytes of the requests so far; 0 where there are none, or none that can be read."""
    try:
        return os.lstat(run_dir / CONTROL).st_size
    except OSError:
        return 0


def read_requests(run_dir: Path, since: int = 0) -> Sequence[ControlRequest]:
    """Return the requests after the first ``since`` bytes; what is no request is left out.

    Raises:
        StoreError: The file cannot be read.
    """
    path = run_dir / CONTROL
    if not is_there(path):
        return []
    with opened(path, MOST * 2, 1) as (descriptor, size):
        content = os.pread(descriptor, max(0, size - since), since)
    found = [_request(line) for line in content.split(b"\n") if line]
    return [request for request in found if request is not None]


def _request(line: bytes) -> ControlRequest | None:
    try:
        values = parse_json(line)
        given = {
            name: printable(str(values.get(name, "")), MOST_REASON) for name in ("action", "author", "reason", "when")
        }
    except (ValueError, AttributeError):
        return None
    return ControlRequest(**given) if given["action"] in (*ACTIONS, PAUSED) else None
