"""Adapter of a learner to the Trainer: a LightningModule with the caller's optimizer and step functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from alrun.core.compat import optimized_by_trainer
from alrun.core.learners import custom_method, optimizes_itself
from alrun.core.lending import lent
from alrun.training.monitor import Monitor
from alrun.training.schedule import Schedule
from alrun.training.steps import train_step, validate_step

__all__ = ["LightningLearner", "as_lightning"]


class LightningLearner(LightningModule):
    """A plain module in the clothes of a LightningModule; step functions and optimizers are lent to it."""

    def __init__(self, learner: nn.Module) -> None:
        """Hold ``learner``."""
        super().__init__()
        self.learner = learner

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the learner returns."""
        return self.learner(*args, **kwargs)


@contextmanager
def as_lightning(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    lr_scheduler: Any | None,
    train_step_fn: Callable[[Any, Any], Any] | None,
    validate_step_fn: Callable[[Any, Any], Any] | None,
    monitor: Monitor,
) -> Iterator[LightningModule]:
    """Lend ``model`` what the caller gave for the time of a fit; afterwards the object is as it was.

    Args:
        model: The learner; wrapped in a ``LightningLearner`` unless it is a LightningModule.
        optimizer: In place of ``configure_optimizers``; ``None`` leaves that method alone, if there is one.
        lr_scheduler: Goes with ``optimizer``.
        train_step_fn: In place of ``training_step``; the Trainer then optimizes, whatever the learner declares.
        validate_step_fn: In place of ``validation_step``.
        monitor: Gives plateau schedulers the value that they read, unless they name one.
    """
    module = model if isinstance(model, LightningModule) else LightningLearner(model)
    given: dict[str, Any] = {}
    step = train_step(model, train_step_fn)
    if train_step_fn is not None or module is not model:
        given["training_step"] = step
    validate = validate_step(model, validate_step_fn)
    if validate is not None and (validate_step_fn is not None or module is not model):
        given["validation_step"] = validate
    if optimizer is not None or custom_method(module, "configure_optimizers") is None:
        given["configure_optimizers"] = _configuration(optimizer, lr_scheduler, monitor, optimizes_itself(model))
    if train_step_fn is not None:
        given |= optimized_by_trainer()
    try:
        with lent(module, **given):
            yield module
    finally:
        module.trainer = None


def _configuration(optimizer: Any, lr_scheduler: Any, monitor: Monitor, manual: bool) -> Callable[[], Any]:
    if optimizer is None or lr_scheduler is None:
        return lambda: optimizer
    schedule = Schedule(lr_scheduler, monitor)
    entry = {"scheduler": schedule.scheduler, "interval": schedule.interval, "frequency": schedule.frequency}
    if schedule.plateau and not manual:
        entry["monitor"] = schedule.monitor.name
    return lambda: {"optimizer": optimizer, "lr_scheduler": entry}
