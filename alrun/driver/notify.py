"""Events to callbacks, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from alrun.core.events import (
    Callback,
    EpochFinished,
    LabelsReceived,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    RunFinished,
    RunStarted,
)

__all__ = ["CallbackList"]


class CallbackList(Callback):
    """A callback that passes every event on to several."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        """Pass events to ``callbacks``, in order."""
        self._callbacks = tuple(callbacks)

    def on_run_started(self, event: RunStarted) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_run_started(event)

    def on_phase_started(self, event: PhaseStarted) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_phase_started(event)

    def on_phase_progress(self, event: PhaseProgress) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_phase_progress(event)

    def on_train_epoch_finished(self, event: EpochFinished) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_train_epoch_finished(event)

    def on_labels_received(self, event: LabelsReceived) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_labels_received(event)

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Pass on."""
        for callback in self._callbacks:
            callback.on_phase_finished(event)

    def on_run_finished(self, event: RunFinished) -> None:
        """Pass on, to every callback even when one raises; the first error is raised afterwards."""
        errors: list[Exception] = []
        for callback in self._callbacks:
            try:
                callback.on_run_finished(event)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
