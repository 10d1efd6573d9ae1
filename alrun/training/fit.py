"""One training phase: epochs, validation, early stopping, and the state that continues it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch

from alrun.core.errors import StrategyError
from alrun.core.protocols.model import TrainingSession
from alrun.training.batches import set_epoch
from alrun.training.engine import Engine
from alrun.training.limits import Limits
from alrun.training.meter import LossMeter, batch_size, loss_of
from alrun.training.monitor import Watch
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
        while not (self.limits.reached(self.epoch, self.steps) or self.watch.exhausted):
            self.session.epoch_started(self.epoch)
            self.engine.model.train()
            metrics = learning_rate(self.engine.optimizers) | self._train(batches, step, follow)
            if validation is not None and validate is not None and self.limits.max_val_steps != 0:
                metrics |= self._validate(validation, validate)
            self._finish(metrics, self.limits.epochs(batches, self.epoch))
        self.watch.restore(self.engine.model)

    def _train(self, loader: Any, step: Step, follow: bool) -> dict[str, float]:
        engine, meter = self.engine, LossMeter(self.engine.device)
        after_batch = self.schedule.after_batch if self.schedule.by_batch and follow else None
        before = self.steps
        set_epoch(loader, self.epoch)
        for index, batch in enumerate(islice(loader, self.limits.steps_left(self.steps))):
            loss = loss_of(engine.compute(step, batch, index))
            if loss is not None:
                meter.add(loss, batch_size(batch))
                if follow:
                    engine.update(loss)
            if after_batch is not None and engine.stepped:
                after_batch(index)
            self.steps += 1
        if self.steps == before:
            raise StrategyError("the training data loader yields no batches")
        return meter.named("train_loss")

    def _validate(self, loader: Any, step: Step) -> dict[str, float]:
        model, meter = self.engine.model, LossMeter(self.engine.device)
        model.eval()
        with torch.no_grad():
            for index, batch in enumerate(islice(loader, self.limits.max_val_steps)):
                meter.add(loss_of(self.engine.compute(step, batch, index)), batch_size(batch))
        model.train()
        return meter.named("val_loss")

    def _finish(self, metrics: dict[str, float], epochs: int) -> None:
        epoch, self.epoch = self.epoch, self.epoch + 1
        self.watch.update(metrics, self.engine.model)
        if self.engine.stepped:
            self.schedule.after_epoch(epoch, metrics)
        if self.session.due(self.epoch):
            self.session.save(self.epoch, self._state())
        self.session.epoch_finished(epoch, epochs, metrics)

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = plain(
            {
                "epoch": self.epoch,
                "steps": self.steps,
                "model": self.engine.model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.engine.optimizers],
                "scheduler": self.schedule.state_dict(),
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
        self.engine.precision.load_state_dict(state["precision"])
        self.watch.load_state_dict(state["watch"])
