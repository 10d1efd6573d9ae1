"""Optimizer of a training phase, from the config or from the learner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alrun.core.compat import trainer_lent
from alrun.core.errors import StrategyError
from alrun.core.fake_trainer import FakeTrainer, PlannedTrainer
from alrun.core.learners import optimizes_itself, optional_method
from alrun.core.optimizers import parsed
from alrun.core.seeding import Role
from alrun.driver.supply.loader import batch_sizes

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["configured_optimizer"]


def configured_optimizer(experiment: ExperimentContext, state: State) -> tuple[Any, Any]:
    """Return optimizer and scheduler (Lightning's own config of it where there is one).

    Both are ``None`` for a learner that optimizes by itself: the training loop asks it.

    Raises:
        StrategyError: The learner configures none, or several without optimizing by itself.
    """
    learner = experiment.learner
    experiment.seeds(state).seed_global_generators(Role.INIT)
    if experiment.training.optimizer is not None:
        return experiment.training.optimizer(learner.parameters()), None
    configure = optional_method(learner, "configure_optimizers")
    if configure is None:
        raise StrategyError(
            f"{type(learner).__name__} has no configure_optimizers\n"
            "    → set one: 'training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}'"
        )
    if optimizes_itself(learner):
        return None, None
    with trainer_lent(learner, _planned(experiment)):
        return _only_one(configure(), type(learner).__name__)


def _planned(experiment: ExperimentContext) -> FakeTrainer:
    """Return what a LightningModule may read from ``self.trainer``: how long training will be."""
    settings = experiment.training
    batches = len(batch_sizes(len(experiment.pools.training), settings.batch_size))
    return PlannedTrainer(settings.max_epochs, settings.max_train_steps, batches)


def _only_one(configured: Any, name: str) -> tuple[Any, Any]:
    """Return optimizer and scheduler of what ``name`` has configured, ``None`` for nothing."""
    optimizers, schedulers = parsed(configured)
    if len(optimizers) != (configured is not None) or len(schedulers) > 1:
        raise StrategyError(
            f"{name} configures {len(optimizers)} optimizers and {len(schedulers)} schedulers\n"
            "    → self.automatic_optimization = False in its constructor, and steps of its own in training_step"
        )
    return next(iter(optimizers), None), next(iter(schedulers), None)
