"""Session of a training loop: checkpoints inside the phase, seeding and reporting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.events import (
    EpochFinished,
    EpochStarted,
    EvalFinished,
    EvalStarted,
    EvalStepFinished,
    EvalStepStarted,
    PhaseProgress,
    TrainStepFinished,
    TrainStepStarted,
)
from alrun.core.seeding import Seeds
from alrun.driver.batch_events import watch
from alrun.driver.component_state import callback_states, restore_callbacks

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["EpochSession"]

PREFIX = "training.epoch_"
VALIDATION = "validation"


class EpochSession:
    """The ``TrainingSession`` of the current training phase.

    Attributes:
        seeds: Streams of the phase.
        last_logged: What the learner itself logged in the last epoch, by split and name; empty where it logged nothing.
    """

    def __init__(self, experiment: ExperimentContext, state: State) -> None:
        """Serve the current phase."""
        self._experiment, self._state = experiment, state
        self._store = experiment.store.checkpoints
        self.seeds: Seeds = experiment.seeds(state)
        self.last_logged: Mapping[str, Mapping[str, float]] = {}
        self.train_batches = watch(experiment.notify, TrainStepStarted, TrainStepFinished)
        self.eval_batches = watch(experiment.notify, EvalStepStarted, EvalStepFinished, name=VALIDATION)
        self._begun = -1
        self._callbacks_restored = False

    def _epochs(self) -> list[int]:
        names = self._store.phases(self.seeds.step)
        numbers = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        return sorted(int(number) for number in numbers if number.isdecimal())

    def load(self) -> Mapping[str, Any] | None:
        """Return the newest state of this phase that holds, or ``None``."""
        step = self.seeds.step
        for epoch in reversed(self._epochs()):
            commit = self._store.find(step, f"{PREFIX}{epoch}", previous=self._state.digest)
            if commit is None:
                continue
            try:
                state: Mapping[str, Any] = commit.state()
            except CorruptionError as error:
                self._store.set_aside(step, f"{PREFIX}{epoch}", str(error))
                continue
            self.last_logged = state.get("logged", {})
            self._experiment.logger.info("step %d training continues after epoch %d", step, epoch)
            self._restore_callbacks(epoch, state)
            return state
        return None

    def _restore_callbacks(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Put callbacks back to where the state was saved, and tell them what was told after it."""
        if self._callbacks_restored:
            return
        self._callbacks_restored = True
        restore_callbacks(self._experiment.notify, state)
        if "report" in state:
            self._tell_epoch(epoch - 1, **state["report"], again=True)

    def due(self, epoch: int) -> bool:
        """Return whether to save after ``epoch`` finished epochs."""
        every = self._experiment.training.checkpoint_every
        return every > 0 and epoch % every == 0 and epoch != self._experiment.training.max_epochs

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Commit ``state``; the one before it is removed afterwards."""
        older = self._epochs()
        name = f"{PREFIX}{epoch}"
        if self._store.find(self.seeds.step, name, previous=self._state.digest) is None:
            whole = dict(state) | {"logged": self.last_logged} | callback_states(self._experiment.notify)
            self._store.commit(self.seeds.step, name, whole, previous=self._state.digest)
        for number in older:
            if number != epoch:
                self._store.discard(self.seeds.step, f"{PREFIX}{number}")

    def discard(self) -> None:
        """Remove all checkpoints inside the phase."""
        for number in self._epochs():
            self._store.discard(self.seeds.step, f"{PREFIX}{number}")

    def logged(self, values: Mapping[str, Mapping[str, float]]) -> None:
        """Keep the newest values for the records, in the order of splits and names."""
        self.last_logged = {split: dict(sorted(named.items())) for split, named in sorted(values.items()) if named}

    def epoch_started(self, epoch: int) -> None:
        """Seed the global generators for ``epoch``; a loop may do so more than once."""
        self._state.training_epoch = epoch
        self.seeds.seed_global_generators(f"epoch {epoch}")
        if epoch != self._begun:
            self._begun = epoch
            self._experiment.notify.tell(EpochStarted, epoch=epoch, metrics={})

    def eval_started(self, epoch: int) -> None:
        """Report that the validation of ``epoch`` begins."""
        self._experiment.notify.tell(EvalStarted, name=VALIDATION, epoch=epoch, metrics={})

    def eval_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Report what the validation of ``epoch`` measured."""
        self._experiment.notify.tell(EvalFinished, name=VALIDATION, epoch=epoch, metrics=metrics)

    def epoch_finished(self, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        """Report the epoch; raises ``Interrupted`` when the run was asked to stop."""
        self._tell_epoch(epoch, max_epochs, metrics)
        self._experiment.notify.tell(PhaseProgress, done=epoch + 1, total=max_epochs)
        self._experiment.signals.check()

    def _tell_epoch(self, epoch: int, max_epochs: int, metrics: Mapping[str, float], **again: bool) -> None:
        # By name: in which order a Trainer logs depends on what it has done before.
        ordered = dict(sorted(metrics.items()))
        self._experiment.notify.tell(EpochFinished, epoch=epoch, max_epochs=max_epochs, metrics=ordered, **again)
