"""What happens during a run, as typed events, and the base class of those who listen.

Callbacks look on; they cannot change an experiment. The live display and the loggers are callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alrun.core.types import Annotation

__all__ = [
    "Callback",
    "EpochFinished",
    "LabelsReceived",
    "PhaseFinished",
    "PhaseProgress",
    "PhaseStarted",
    "RunFinished",
    "RunStarted",
]


@dataclass(frozen=True)
class RunStarted:
    """A run begins, or goes on.

    Attributes:
        log_dir: The run directory.
        step: Step from which it runs.
        labels: Labels bought so far.
        budget: Labels in all.
        resumed: Whether an earlier session was found.
    """

    log_dir: Path
    step: int
    labels: int
    budget: int
    resumed: bool


@dataclass(frozen=True)
class PhaseStarted:
    """A phase begins."""

    step: int
    phase: str


@dataclass(frozen=True)
class PhaseProgress:
    """The running phase has done ``done`` of ``total`` units (rows, epochs or requests)."""

    step: int
    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class EpochFinished:
    """A training epoch (0-based) has ended with these values."""

    step: int
    epoch: int
    max_epochs: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class LabelsReceived:
    """Labels arrived and are on disk."""

    step: int
    annotations: Sequence[Annotation]


@dataclass(frozen=True)
class PhaseFinished:
    """A phase has been committed.

    Attributes:
        step: Index of the step.
        phase: Phase tag.
        seconds: Wall-clock of the phase.
        labels: Labels bought so far.
        metrics: Latest value of every metric, by name (filled by metrology).
    """

    step: int
    phase: str
    seconds: float
    labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFinished:
    """The run has ended, for better or worse: ``status`` is ``finished``, ``failed`` or ``interrupted``."""

    step: int
    labels: int
    status: str
    reason: str


class Callback:
    """Listens to a run. Override what you need; every method does nothing by default."""

    def on_run_started(self, event: RunStarted) -> None:
        """Called once, before the first phase of the session."""

    def on_phase_started(self, event: PhaseStarted) -> None:
        """Called before each phase."""

    def on_phase_progress(self, event: PhaseProgress) -> None:
        """Called now and then inside a phase."""

    def on_train_epoch_finished(self, event: EpochFinished) -> None:
        """Called after each training epoch."""

    def on_labels_received(self, event: LabelsReceived) -> None:
        """Called when labels have been made durable."""

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Called after each phase's commit."""

    def on_run_finished(self, event: RunFinished) -> None:
        """Called once, however the session ends."""
