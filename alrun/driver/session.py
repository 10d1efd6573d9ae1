"""What a training loop gets from the driver: checkpoints inside the phase, seeding, and somewhere to report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.events import EpochFinished, PhaseProgress
from alrun.core.seeding import Seeds

if TYPE_CHECKING:
    from alrun.driver.host import Host

__all__ = ["EpochSession"]

PREFIX = "training.epoch_"


class EpochSession:
    """The ``TrainingSession`` of the current training phase.

    Attributes:
        seeds: Streams of the phase.
    """

    def __init__(self, driver: Host) -> None:
        """Serve the current phase of ``driver``."""
        self._driver = driver
        self._store = driver.store.checkpoints
        self.seeds: Seeds = driver.seeds

    def _epochs(self) -> list[int]:
        names = self._store.phases(self.seeds.step)
        numbers = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        return sorted(int(number) for number in numbers if number.isdecimal())

    def load(self) -> Mapping[str, Any] | None:
        """Return the newest state of this phase that holds, or ``None``."""
        step = self.seeds.step
        for epoch in reversed(self._epochs()):
            commit = self._store.find(step, f"{PREFIX}{epoch}", previous=self._driver.digest)
            if commit is None:
                continue
            try:
                state: Mapping[str, Any] = commit.state()
            except CorruptionError as error:
                self._store.set_aside(step, f"{PREFIX}{epoch}", str(error))
                continue
            self._driver.logger.info("step %d training continues after epoch %d", step, epoch)
            return state
        return None

    def due(self, epoch: int) -> bool:
        """Return whether to save after ``epoch`` finished epochs."""
        every = self._driver.training.checkpoint_every
        return every > 0 and epoch % every == 0 and epoch != self._driver.training.max_epochs

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Commit ``state``; the one before it is removed afterwards."""
        older = self._epochs()
        name = f"{PREFIX}{epoch}"
        if self._store.find(self.seeds.step, name, previous=self._driver.digest) is None:
            self._store.commit(self.seeds.step, name, dict(state), previous=self._driver.digest)
        for number in older:
            if number != epoch:
                self._store.discard(self.seeds.step, f"{PREFIX}{number}")

    def discard(self) -> None:
        """Remove all checkpoints inside the phase."""
        for number in self._epochs():
            self._store.discard(self.seeds.step, f"{PREFIX}{number}")

    def epoch_started(self, epoch: int) -> None:
        """Seed the global generators for ``epoch``."""
        self._driver.training_epoch = epoch
        self.seeds.seed_global_generators(f"epoch {epoch}")

    def epoch_finished(self, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        """Report the epoch; raises ``Interrupted`` when the run was asked to stop."""
        step, phase = self.seeds.step, self.seeds.phase
        notify = self._driver.notify
        notify.on_train_epoch_finished(EpochFinished(step, epoch, max_epochs, metrics))
        notify.on_phase_progress(PhaseProgress(step, phase, epoch + 1, max_epochs))
        self._driver.signals.check()
