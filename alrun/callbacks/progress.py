"""Live display of a run on a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from alrun.callbacks.progress_state import JobCount, RunState, seconds_left
from alrun.core.callback import Callback
from alrun.core.events import (
    EpochFinished,
    LabelReceived,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    RunFinished,
    RunStarted,
)
from alrun.core.phases import ActiveLearningPhase
from alrun.core.prompts import prompts
from alrun.core.types import LabelStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

__all__ = ["LiveDisplay"]


class LiveDisplay(Callback):
    """Shows step, phases and their seconds, progress, labels spent of the budget, metrics, their curve, the time left.

    Events only change a few plain values; a thread of rich's draws them, at most ``refreshes`` times a second. The
    display goes when the run ends, and while the run asks something at the terminal: until an answer is given, or else
    until something happens.
    """

    refreshes = 4

    def __init__(self, console: Console, jobs: JobCount | None = None) -> None:
        """Draw on ``console``; ``jobs`` are those of the sweep that the run is part of."""
        self._console = console
        self._jobs = jobs
        self._state = RunState()
        self._started = self._step_started = time.monotonic()
        self._live: Live | None = None
        self._listening = ExitStack()
        self._streams: tuple[TextIO, TextIO] | None = None

    def on_run_started(self, event: RunStarted) -> None:
        """Start drawing."""
        from rich.live import Live

        state = RunState(name=event.log_dir.name, step=event.step, labels=event.labels, budget=event.budget)
        self._state, self._started = state, time.monotonic()
        self._step_started = self._started
        rate = self.refreshes
        self._live = Live(get_renderable=self.render, console=self._console, refresh_per_second=rate, transient=True)
        self._live.start()
        self._listening.enter_context(prompts().told(self._on_prompt))

    def on_phase_started(self, event: PhaseStarted) -> None:
        """Turn to the phase."""
        self._draw()
        state = self._state
        state.step, state.phase, state.done, state.total, state.note = event.step, event.phase, 0, 0, ""

    def on_phase_progress(self, event: PhaseProgress) -> None:
        """Move the bar of the running phase."""
        self._state.done, self._state.total = event.done, event.total

    def on_train_epoch_finished(self, event: EpochFinished) -> None:
        """Move the bar of the training."""
        self._state.done, self._state.total = event.epoch + 1, event.max_epochs
        loss = next((f"  {name} {value:.3g}" for name, value in event.metrics.items() if "loss" in name), "")
        self._state.note = f"epoch {event.epoch + 1}/{event.max_epochs}{loss}"

    def on_label_received(self, event: LabelReceived) -> None:
        """Count labels as they arrive."""
        self._draw()
        self._state.labels += event.annotation.status == LabelStatus.LABELLED

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Take over labels and metrics, and the time of a finished step."""
        # Labels that have arrived are counted by the driver when they are integrated.
        if event.phase != ActiveLearningPhase.LABELING:
            self._state.labels = event.labels
        self._state.seconds[event.phase] = event.seconds
        if event.phase == ActiveLearningPhase.METROLOGY:
            self._state.measure(event.metrics, event.labels)
        if event.phase == ActiveLearningPhase.DATA_INTEGRATION:
            now = time.monotonic()
            self._state.history.append((event.labels, now - self._step_started))
            self._step_started = now

    def on_run_finished(self, event: RunFinished) -> None:
        """Take the display away."""
        self._listening.close()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _on_prompt(self, begins: bool) -> None:
        if begins and self._live is not None:
            # The display puts the streams back, and input() goes on with those that it has found without owning them.
            self._streams = sys.stdout, sys.stderr
            self._live.stop()
        elif not begins:
            self._draw()

    def _draw(self) -> None:
        if self._live is not None and not self._live.is_started:
            self._live.start()

    def render(self) -> RenderableType:
        """Return the display as it is now."""
        from alrun.callbacks.progress_view import jobs_text, view

        now = time.monotonic()
        left = seconds_left(self._state.history, self._state.budget)
        if left is not None:
            left = max(0.0, left - (now - self._step_started))
        jobs = jobs_text(self._jobs, now) if self._jobs else ""
        return view(self._state, now - self._started, left, jobs)
