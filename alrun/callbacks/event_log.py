"""Event log: one line of JSON per event."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from alrun.core.callback import HOOKS, Callback
from alrun.core.errors import ConfigError, Problem
from alrun.core.events import Event, RunFinished, RunStarted
from alrun.core.types import Annotation

__all__ = ["EventLog"]

USUAL = (
    "on_step_started",
    "on_phase_started",
    "on_train_epoch_finished",
    "on_eval_finished",
    "on_query_finished",
    "on_label_received",
    "on_phase_finished",
    "on_step_finished",
)
MOST_NUMBERS = 64


class EventLog(Callback):
    """Appends each event as a line of JSON to ``callbacks/<file>`` in the run directory, while the run goes on.

    Every line has ``event`` and the event's own fields; a session begins with ``on_run_started`` and ends with
    ``on_run_finished``. Arrays of more than 64 numbers, and whatever JSON has no word for, are given by type and shape.
    """

    def __init__(self, events: Sequence[str] = USUAL, file: str = "events.jsonl") -> None:
        """Choose what to write.

        Args:
            events: Names of callback methods; those of the run are always written.
            file: Name of the file.

        Raises:
            ConfigError: There is no such event.
        """
        unknown = [name for name in events if name not in HOOKS]
        if unknown:
            raise ConfigError(
                [
                    Problem(f"there is no event {name!r}", "callbacks.event_log.events", ", ".join(HOOKS))
                    for name in unknown
                ]
            )
        self._file = file
        self._log: Any = None
        # Only what is to be written is listened to: the others cost nothing.
        for name in {*events} - {"on_run_started", "on_run_finished"}:
            setattr(self, name, self._write)

    def on_run_started(self, event: RunStarted) -> None:
        """Open the file."""
        self._log = event.open_log(self._file)
        self._write(event)

    def on_run_finished(self, event: RunFinished) -> None:
        """Write the last line."""
        self._write(event)

    def _write(self, event: Event) -> None:
        if self._log is None:
            return
        values = {one.name: _plain(getattr(event, one.name)) for one in fields(event) if one.name != "open_log"}
        self._log.append(json.dumps({"event": event.hook, **values}, allow_nan=False).encode() + b"\n")


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON has it; ``null`` for a number that is not finite."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Annotation):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _array(value)


def _array(value: Any) -> Any:
    shape = tuple(getattr(value, "shape", (MOST_NUMBERS + 1,)))
    if math.prod(shape) <= MOST_NUMBERS and hasattr(value, "tolist"):
        return _plain(value.tolist())
    return f"{type(value).__name__}{list(shape) if hasattr(value, 'shape') else ''}"
