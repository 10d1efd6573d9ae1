"""Plain progress for logs and pipes: one line per step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.callbacks.progress_state import main_metrics
from alrun.core.callback import Callback
from alrun.core.events import PhaseFinished, RunFinished, RunStarted
from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["PlainLog"]


class PlainLog(Callback):
    """Prints a line when the run starts, after each step's metrology, and when the run ends.

    A step that measures nothing, such as the cold start, has its line after its labels are integrated.
    """

    def __init__(self, console: Console) -> None:
        """Print on ``console``."""
        self._console = console
        self._seconds = 0.0
        self._printed = -1

    def on_run_started(self, event: RunStarted) -> None:
        """Say where the run is kept and where it starts."""
        verb = f"continues at step {event.step}" if event.resumed else "starts"
        self._print(f"{event.log_dir} {verb}: {event.labels} of {event.budget} labels")

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Print the step's line, once."""
        self._seconds += event.seconds
        measured = event.phase == ActiveLearningPhase.METROLOGY and bool(event.metrics)
        last = event.phase == ActiveLearningPhase.DATA_INTEGRATION and self._printed != event.step
        if not (measured or last):
            return
        values = main_metrics(event.metrics) if measured else {}
        metrics = "".join(f"  {name} {value:.4g}" for name, value in values.items())
        self._print(f"step {event.step}  labels {event.labels}{metrics}  {self._seconds:.1f} s")
        self._seconds, self._printed = 0.0, event.step

    def on_run_finished(self, event: RunFinished) -> None:
        """Say how the run ended."""
        reason = f": {event.reason}" if event.reason else ""
        self._print(f"{event.status} at step {event.step} with {event.labels} labels{reason}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
