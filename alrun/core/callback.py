"""Base class of callbacks, and lookup of the events that an object listens to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from alrun.core import events

__all__ = ["HOOKS", "Callback", "hooks_of"]


class Callback:
    """Listens to a run: override what you need; what is not overridden costs nothing.

    Callbacks look on: an event holds copies and views, and the global random generators are put back after each call,
    so that an experiment is the same whoever listens. Inheriting is optional: an object with some of these methods
    does as well. What a callback has in ``state_dict()`` is saved with every commit and given back to
    ``load_state_dict(state)`` when a run is resumed; the events after that commit are then told again to the callbacks
    that have a state, so that it ends as if nothing had happened. What differs between sessions is to be kept out of a
    state: ``on_run_started``, ``on_run_finished`` and ``on_phase_progress``, and the ``seconds`` of a phase.

    Attributes:
        is_distributed: Whether every process of a distributed run calls it, and not the one of rank 0 alone.
        on_error: What an exception in it does: ``raise`` ends the run as failed, to be resumed; ``warn`` is a line in
            ``alrun.log``. In a config ``on_error`` stands beside ``_target_``, whatever the class.
    """

    is_distributed: bool = False
    on_error: Literal["raise", "warn"] = "raise"

    if TYPE_CHECKING:  # optional: only what has them has a state
        state_dict: Callable[[], Mapping[str, Any]]
        load_state_dict: Callable[[Mapping[str, Any]], None]

    def on_run_started(self, event: events.RunStarted) -> None:
        """Called once, before the first phase of the session."""

    def on_step_started(self, event: events.StepStarted) -> None:
        """Called before the first phase of a step; not when a resumed run goes on inside the step."""

    def on_phase_started(self, event: events.PhaseStarted) -> None:
        """Called before each phase."""

    def on_phase_progress(self, event: events.PhaseProgress) -> None:
        """Called now and then inside a phase."""

    def on_train_started(self, event: events.TrainStarted) -> None:
        """Called before the training loop; not at a cold start, which trains nothing."""

    def on_train_epoch_started(self, event: events.EpochStarted) -> None:
        """Called before each training epoch."""

    def on_train_step_started(self, event: events.TrainStepStarted) -> None:
        """Called before each training batch."""

    def on_train_step_finished(self, event: events.TrainStepFinished) -> None:
        """Called after each training batch; the loss in the event makes the loop wait for the device."""

    def on_train_epoch_finished(self, event: events.EpochFinished) -> None:
        """Called after each training epoch, its validation included."""

    def on_train_finished(self, event: events.TrainFinished) -> None:
        """Called after the training loop, before the weights are committed."""

    def on_eval_started(self, event: events.EvalStarted) -> None:
        """Called before a validation inside training, and before each metrology strategy."""

    def on_eval_step_started(self, event: events.EvalStepStarted) -> None:
        """Called before each batch of an evaluation."""

    def on_eval_step_finished(self, event: events.EvalStepFinished) -> None:
        """Called after each batch of an evaluation."""

    def on_eval_finished(self, event: events.EvalFinished) -> None:
        """Called after an evaluation, with what it measured."""

    def on_query_started(self, event: events.QueryStarted) -> None:
        """Called before each query strategy (at a cold start: the cold start strategy)."""

    def on_query_finished(self, event: events.QueryFinished) -> None:
        """Called after each query strategy, with what it chose."""

    def on_label_received(self, event: events.LabelReceived) -> None:
        """Called for each answer to a label request, once it is on disk."""

    def on_phase_finished(self, event: events.PhaseFinished) -> None:
        """Called after each phase's commit."""

    def on_step_finished(self, event: events.StepFinished) -> None:
        """Called after the last phase of a step; in the last step of a run, that is metrology."""

    def on_run_finished(self, event: events.RunFinished) -> None:
        """Called once, however the session ends."""


#: The names of all events' methods.
HOOKS: tuple[str, ...] = tuple(name for name, value in vars(Callback).items() if name[:3] == "on_" and callable(value))


def hooks_of(callback: Any) -> dict[str, Callable[[Any], None]]:
    """Return the methods of ``callback`` that listen to an event, by name; those that ``Callback`` defines do not."""
    methods = {name: getattr(callback, name, None) for name in HOOKS}
    return {
        name: method
        for name, method in methods.items()
        if callable(method) and getattr(method, "__func__", method) is not getattr(Callback, name)
    }
