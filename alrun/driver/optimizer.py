"""The optimiser of a training phase, as the config or the learner itself configures it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.learners import optimizes_itself
from alrun.core.lending import lent
from alrun.core.seeding import Role

if TYPE_CHECKING:
    from alrun.driver.experiment import Experiment
    from alrun.driver.state import State

__all__ = ["configured_optimizer"]


def configured_optimizer(experiment: Experiment, state: State) -> tuple[Any, Any]:
    """Return optimiser and scheduler (Lightning's own config of it where there is one).

    Both are ``None`` for a learner that optimises by itself: the training loop asks it.

    Raises:
        StrategyError: The learner configures none, or several without optimising by itself.
    """
    learner = experiment.learner
    experiment.seeds(state).seed_global_generators(Role.INIT)
    if experiment.training.optimizer is not None:
        return experiment.training.optimizer(learner.parameters()), None
    configure = getattr(learner, "configure_optimizers", None)
    if configure is None:
        raise StrategyError(
            f"{type(learner).__name__} has no configure_optimizers\n"
            "    → name one: 'training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}'"
        )
    if optimizes_itself(learner):
        return None, None
    with _planned(experiment):
        return _split(configure(), type(learner).__name__)


@contextmanager
def _planned(experiment: Experiment) -> Iterator[None]:
    """Let a LightningModule read from ``self.trainer`` how long training will be: schedulers by step want to know."""
    learner, settings = experiment.learner, experiment.training
    if not hasattr(learner, "_trainer"):
        yield
        return
    batches = math.ceil(len(experiment.pools.training) / settings.batch_size)
    epochs, steps = settings.max_epochs, settings.max_train_steps
    planned = SimpleNamespace(
        max_epochs=-1 if epochs is None else epochs,
        max_steps=-1 if steps is None else steps,
        num_training_batches=batches,
        estimated_stepping_batches=batches * (epochs or 0) if steps is None else steps,
        current_epoch=0,
        global_step=0,
    )
    with lent(learner, _trainer=planned):
        yield


def _split(configured: Any, name: str) -> tuple[Any, Any]:
    """Take apart the forms that ``configure_optimizers`` may return for one optimiser."""
    if isinstance(configured, dict):
        scheduler = configured.get("lr_scheduler")
        if scheduler is not None and "monitor" in configured and not isinstance(scheduler, dict):
            scheduler = {"scheduler": scheduler, "monitor": configured["monitor"]}
        return configured["optimizer"], scheduler
    if not isinstance(configured, list | tuple):
        return configured, None
    pair = isinstance(configured, tuple) and len(configured) == 2 and isinstance(configured[0], list)
    optimizers, schedulers = configured if pair else (configured, [])
    if len(optimizers) != 1 or len(schedulers) > 1:
        raise StrategyError(
            f"{name} configures {len(optimizers)} optimisers and {len(schedulers)} schedulers\n"
            "    → self.automatic_optimization = False in its constructor, and steps of its own in training_step"
        )
    optimizer, scheduler = _split(optimizers[0], name)
    return optimizer, schedulers[0] if schedulers else scheduler
