"""Callback that connects a Trainer to a training session."""

from __future__ import annotations

import signal
import threading
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from alrun.core.errors import StrategyError
from alrun.core.protocols.model import TrainingSession
from alrun.training.limits import Limits
from alrun.training.logbook import TRAINING, VALIDATION, Logbook
from alrun.training.meter import LossMeter, batch_size, loss_of
from alrun.training.monitor import Watch
from alrun.training.optimizers import learning_rate
from alrun.training.trainer_progress import load_trainer, trainer_state

__all__ = ["Keeper"]

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name))


class Keeper(EarlyStopping):
    """Seeds, judges, saves and reports each epoch of a fit.

    Lightning treats it as an ``EarlyStopping``, and so calls its ``on_train_epoch_end`` after the module's own: only
    there is everything logged, and only until there can a fit be told to end. What still follows in the epoch
    (plateau schedulers) is done when the next epoch starts or the fit ends; there the epoch is saved and reported.
    It must be the first callback, so that what others do at an epoch's start comes after the save.

    Attributes:
        error: What ended the fit, or ``None``.
    """

    def __init__(
        self, model: Any, loader: Any, session: TrainingSession, watch: Watch, limits: Limits, logbook: Logbook
    ) -> None:
        """Prepare for one fit of ``model`` on ``loader``, which logs in ``logbook``."""
        super().__init__(monitor="train_loss")
        self.model, self.loader, self.session = model, loader, session
        self.watch, self.limits, self.logbook = watch, limits, logbook
        self._logged: dict[str, dict[str, float]] = {}
        self.error: BaseException | None = None
        self._metrics: dict[str, float] = {}
        self._pending: int | None = None
        self._own: set[str] = set()
        self._signals = {number: signal.getsignal(number) for number in SIGNALS}
        self._meters: dict[str, LossMeter] = {}
        self._device: Any = "cpu"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Do nothing: what ``EarlyStopping`` sets up here is not used."""

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the state travels through the session."""
        return {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue where the session left off, and seed before the loader is iterated for the first time."""
        self._device = pl_module.device
        state = self.session.load()
        if state is not None:
            load_trainer(trainer, self.model, self._others(trainer), state)
        self._begin(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the process's signal handlers back: Lightning's would end an epoch in its middle."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in self._signals.items():
            if handler is not None:
                signal.signal(number, handler)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the epoch before, seed this one."""
        self._close(trainer)
        self._begin(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Show the batch to the logbook."""
        self.logbook.see(batch)
        if self.session.train_batches is not None:
            self.session.train_batches.started(self._epoch(trainer), batch_idx)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the loss; end the fit at the last step, so that its last epoch is validated too."""
        self._meters["train_loss"].add(loss_of(outputs), batch_size(batch))
        if self.limits.max_train_steps is not None and self._batches(trainer) + 1 >= self.limits.max_train_steps:
            trainer.should_stop = True
        if self.session.train_batches is not None:
            values = {"train_loss": loss_of(outputs)}
            self.session.train_batches.finished(self._epoch(trainer), batch_idx, batch_size(batch), values)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new mean."""
        self._meters["val_loss"] = LossMeter(self._device)
        self.logbook.at(VALIDATION)
        self.session.eval_started(self._epoch(trainer))

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Show the batch to the logbook."""
        self.logbook.see(batch)
        if self.session.eval_batches is not None:
            self.session.eval_batches.started(self._epoch(trainer), batch_idx)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the loss."""
        self._meters["val_loss"].add(loss_of(outputs), batch_size(batch))
        if self.session.eval_batches is not None:
            values = {"val_loss": loss_of(outputs)}
            self.session.eval_batches.finished(self._epoch(trainer), batch_idx, batch_size(batch), values)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Offer the mean to callbacks that look at it here; epochs are judged at their end."""
        self._offer(trainer, "val_loss")
        logged = self._logged[VALIDATION] = self.logbook.values(VALIDATION)
        self.logbook.at(TRAINING)
        self.session.eval_finished(self._epoch(trainer), self._meters["val_loss"].named("val_loss") | logged)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect what was logged, judge the epoch and decide whether it was the last."""
        if trainer.fit_loop.epoch_loop.batch_progress.current.completed == 0:
            raise StrategyError("the training data loader yields no batches")
        self._offer(trainer, "train_loss")
        self._logged[TRAINING] = self.logbook.values(TRAINING)
        self._metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        if "val_loss" in self._meters or not trainer.enable_validation or self.watch.monitor.name == "train_loss":
            self.watch.update(self._metrics, self.model)
        trainer.should_stop = trainer.should_stop or self.watch.exhausted
        self._pending = trainer.current_epoch

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the last epoch."""
        self._close(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remember what ended the fit."""
        self.error = exception

    def _begin(self, trainer: Trainer) -> None:
        epoch = trainer.fit_loop.epoch_progress.total.completed
        self.session.epoch_started(epoch)
        self.loader.set_epoch(epoch)
        self._meters = {"train_loss": LossMeter(self._device)}
        self.logbook.begin_epoch(self._device)
        self._logged = {TRAINING: {}, VALIDATION: {}}
        self._metrics = learning_rate(trainer.optimizers)

    def _offer(self, trainer: Trainer, name: str) -> None:
        """Add a mean loss to the logged values, for schedulers and callbacks, unless the learner logs it."""
        logged, meter = trainer.callback_metrics, self._meters[name]
        if meter.mean() is not None and (name in self._own or name not in logged):
            self._own.add(name)
            logged[name] = meter.tensor()

    def _close(self, trainer: Trainer) -> None:
        if self._pending is None:
            return
        epoch, self._pending = self._pending, None
        epochs = self.limits.epochs(self.loader, epoch)
        self.session.logged(self._logged)
        if self.session.due(epoch + 1):
            state = trainer_state(trainer, self.model, self._others(trainer), epoch + 1)
            report = {"max_epochs": epochs, "metrics": dict(self._metrics)}
            self.session.save(epoch + 1, {**state, "watch": self.watch.state_dict(), "report": report})
        self.session.epoch_finished(epoch, epochs, self._metrics)

    def _others(self, trainer: Trainer) -> list[Any]:
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        return [callback for callback in callbacks if callback is not self]

    @staticmethod
    def _epoch(trainer: Trainer) -> int:
        return trainer.fit_loop.epoch_progress.total.completed

    @staticmethod
    def _batches(trainer: Trainer) -> int:
        return trainer.fit_loop.epoch_loop.batch_progress.total.completed
