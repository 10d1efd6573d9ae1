"""Displays of a run: a live display on a terminal, plain lines elsewhere, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alrun.callbacks.progress_state import JobCount
    from alrun.core.callback import Callback
    from alrun.runner.run import Experiment

__all__ = ["listeners"]


def listeners(experiment: Experiment, jobs: JobCount | None = None, *, drawn: bool = True) -> Sequence[Callback]:
    """Return the callbacks that display the run.

    Args:
        experiment: The run.
        jobs: Those of the sweep that it is part of.
        drawn: Whether a terminal is free; it is not where another process draws on it.
    """
    from alrun.cli.console import new_console

    if not experiment.config["progress"]:
        return []
    console = new_console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        from alrun.callbacks.progress import LiveDisplay

        return [LiveDisplay(console, jobs)] if drawn else []
    from alrun.callbacks.plain import PlainLog

    return [PlainLog(console)]
