"""Fit of one training phase: epochs, validation, early stopping, and the state to resume from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch

from alrun.core.errors import StrategyError
from alrun.core.evaluation import evaluating
from alrun.core.protocols.model import TrainingSession
from alrun.training.batches import set_epoch
from alrun.training.engine import Engine
from alrun.training.limits import Limits
from alrun.training.logbook import TRAINING, VALIDATION
from alrun.training.meter import LossMeter, batch_size, loss_of
from alrun.training.monitor import Watch
from alrun.training.observers import Observers
from alrun.training.optimizers import learning_rate
from alrun.training.schedule import Schedule
from alrun.training.state import plain
from alrun.training.steps import Step

__all__ = ["Fit"]


class Fit:
    """Runs epochs until a limit is reached or patience runs out.

    Everything that an epoch depends on is in the saved state or derived from the epoch's number, so that a fit that
    was resumed after any epoch ends as if it had not been interrupted.
    """

    def __init__(
        self, engine: Engine, schedule: Schedule, watch: Watch, limits: Limits, session: TrainingSession
    ) -> None:
        """Begin where ``session`` left off."""
        self.engine, self.schedule, self.watch = engine, schedule, watch
        self.limits, self.session = limits, session
        self.hooks, self.logbook, self.trainer = engine.hooks, engine.logbook, engine.trainer
        self.epoch = 0
        self.steps = 0
        state = session.load()
        if state is not None:
            self._load(state)

    def run(self, batches: Any, step: Step, follow: bool, validation: Any | None, validate: Step | None) -> None:
        """Train on ``batches``.

        Args:
            batches: Re-iterable of batches; ``set_epoch(epoch)`` is called first where there is one.
            step: Returns the loss of a batch.
            follow: Whether this loop makes the optimizer step; ``False`` leaves it to the learner.
            validation: Re-iterable of batches, or ``None``.
            validate: Returns the loss of a validation batch, or something else that is ignored.
        """
        if not self._ended:
            self._begin(batches, follow)
            while not self._ended:
                self._run_epoch(batches, step, follow, validation, validate)
            self.hooks.call("on_train_end", "on_fit_end")
            self.hooks.call_stage("teardown")
        self.watch.restore(self.engine.model)

    @property
    def _ended(self) -> bool:
        return self.limits.reached(self.epoch, self.steps) or self.watch.exhausted

    def _begin(self, batches: Any, follow: bool) -> None:
        self.trainer.max_epochs = self.limits.epochs(batches, self.epoch)
        if not follow:
            self.engine.count_steps_of_the_model()
        self.engine.model.train()
        self.session.epoch_started(self.epoch)
        self.hooks.call_stage("setup")
        self.hooks.call("on_fit_start", "on_train_start")

    def _run_epoch(self, batches: Any, step: Step, follow: bool, validation: Any | None, validate: Step | None) -> None:
        self.session.epoch_started(self.epoch)
        self.trainer.current_epoch = self.epoch
        self.logbook.begin_epoch()
        self.hooks.call("on_train_epoch_start")
        metrics = learning_rate(self.engine.optimizers) | self._train(batches, step, follow)
        if validation is not None and validate is not None and self.limits.max_val_steps != 0:
            metrics |= self._validate(validation, validate)
        self.logbook.at(TRAINING)
        self.hooks.call("on_train_epoch_end")
        self._finish(metrics, self.limits.epochs(batches, self.epoch))

    def _train(self, loader: Any, step: Step, follow: bool) -> dict[str, float]:
        engine, meter = self.engine, LossMeter(self.engine.device)
        observers = Observers(engine, "train", self.epoch, self.session.train_batches)
        after_batch = self.schedule.after_batch if self.schedule.by_batch and follow else None
        before = self.steps
        set_epoch(loader, self.epoch)
        for index, batch in enumerate(islice(loader, self.limits.steps_left(self.steps))):
            batch = engine.place(batch)
            if not observers.started(batch, index):
                break
            output = engine.compute(step, batch, index)
            loss = loss_of(output)
            if loss is not None:
                meter.add(loss, batch_size(batch))
                if follow:
                    engine.update(loss)
            if after_batch is not None and engine.stepped:
                after_batch(index)
            self.steps += 1
            observers.finished(output, batch, index)
        if self.steps == before:
            raise StrategyError("the training data loader yields no batches")
        return meter.named("train_loss")

    def _validate(self, loader: Any, step: Step) -> dict[str, float]:
        model, meter = self.engine.model, LossMeter(self.engine.device)
        observers = Observers(self.engine, "validation", self.epoch, self.session.eval_batches)
        self.session.eval_started(self.epoch)
        self.logbook.at(VALIDATION)
        with evaluating(model), torch.no_grad():
            self.hooks.call("on_validation_start", "on_validation_epoch_start")
            for index, batch in enumerate(islice(loader, self.limits.max_val_steps)):
                batch = self.engine.place(batch)
                observers.started(batch, index)
                output = self.engine.compute(step, batch, index)
                meter.add(loss_of(output), batch_size(batch))
                observers.finished(output, batch, index)
            self.logbook.see(None)
            self.hooks.call("on_validation_epoch_end", "on_validation_end")
        metrics = meter.named("val_loss")
        self.session.eval_finished(self.epoch, metrics | self.logbook.values(VALIDATION))
        return metrics

    def _finish(self, metrics: dict[str, float], epochs: int) -> None:
        epoch, self.epoch = self.epoch, self.epoch + 1
        logged = {stage: self.logbook.values(stage) for stage in (TRAINING, VALIDATION)}
        self.logbook.reset_metrics()
        metrics |= logged[TRAINING] | logged[VALIDATION]
        self.trainer.last_metrics = metrics
        self.watch.update(metrics, self.engine.model)
        if self.engine.stepped:
            self.schedule.after_epoch(epoch, metrics)
        self.session.logged(logged)
        if self.session.due(self.epoch):
            report = {"max_epochs": epochs, "metrics": dict(metrics)}
            self.session.save(self.epoch, {**self._state(), "report": report})
        self.session.epoch_finished(epoch, epochs, metrics)

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = plain(
            {
                "epoch": self.epoch,
                "steps": self.steps,
                "model": self.engine.model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.engine.optimizers],
                "scheduler": self.schedule.state_dict(),
                "schedulers": [scheduler.state_dict() for scheduler in self.engine.schedulers],
                "global_step": self.trainer.global_step,
                "precision": self.engine.precision.state_dict(),
                "watch": self.watch.state_dict(),
            }
        )
        return state

    def _load(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.steps = int(state["epoch"]), int(state["steps"])
        self.engine.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.engine.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.schedule.load_state_dict(state["scheduler"])
        for scheduler, saved in zip(self.engine.schedulers, state.get("schedulers", []), strict=True):
            scheduler.load_state_dict(saved)
        self.trainer.global_step = int(state.get("global_step", 0))
        self.engine.precision.load_state_dict(state["precision"])
        self.watch.load_state_dict(state["watch"])
