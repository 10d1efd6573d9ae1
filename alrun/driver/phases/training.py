"""Training: the learner is fitted to the labeled samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.events import TrainFinished, TrainStarted
from alrun.core.learners import fit_at_once_of, optional_method
from alrun.core.phases import ActiveLearningPhase
from alrun.driver.monitored import monitored_validation
from alrun.driver.optimizer import configured_optimizer
from alrun.driver.output_check import check_outputs, sample_outputs
from alrun.driver.phases.base import PhaseResult
from alrun.driver.session import EpochSession
from alrun.driver.supply.loader import BatchLoader
from alrun.driver.weights import reset_weights
from alrun.pool.foreign import gives_batches

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["TrainingPhase"]


class TrainingPhase:
    """Resets the weights as configured, then trains, in a loop or at once; nothing to do while nothing is labeled."""

    tag = ActiveLearningPhase.TRAINING

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Train; commits the weights and what the learner logged in the last epoch."""
        if experiment.is_cold:
            return PhaseResult({"skipped": True, "pool": len(experiment.pools.training)})
        settings = experiment.training
        reset_weights(experiment.learner, experiment.initial_weights, settings, experiment.seeds(state))
        _fit_statistics(experiment)
        samples, session = len(experiment.pools.training), EpochSession(experiment, state)
        fit = fit_at_once_of(experiment.learner)
        if fit is None:
            _loop(experiment, state, session)
        else:
            _fit_at_once(fit, experiment, state, session)
        experiment.notify.tell(TrainFinished, samples=samples)
        logged = {"logged": session.last_logged} if session.last_logged else {}
        experiment.ledger.add_logged(state.step, session.last_logged)
        content = {"skipped": False, "pool": samples, **logged, **sample_outputs(experiment, state)}
        return PhaseResult(content, dict(experiment.learner.state_dict()))

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Load the weights, where they are still needed, and the size the training pool had at the start.

        Raises:
            StrategyError: With them the learner predicts otherwise than when they were committed.
        """
        content = commit.state()
        if commit.step == 0:
            state.initial_pool_size = content["pool"]
        experiment.ledger.add_logged(commit.step, content.get("logged", {}))
        if commit.has_weights and commit.step >= state.restart_step:
            experiment.learner.load_state_dict(commit.weights())
            check_outputs(experiment, state, content)

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Remove the checkpoints inside the phase, which its commit replaces, and weights that need not stay."""
        EpochSession(experiment, state).discard()
        step = state.step
        if step >= state.restart_step and not experiment.is_cold:
            experiment.retention.apply(experiment.store.checkpoints, step)


def _loop(experiment: ExperimentContext, state: State, session: EpochSession) -> None:
    """Run the training loop."""
    settings, pool = experiment.training, experiment.pools.training
    optimizer, scheduler = configured_optimizer(experiment, state)
    experiment.notify.tell(TrainStarted, samples=len(pool), max_epochs=settings.max_epochs)
    shuffles = getattr(experiment.learner, "shuffles", 1)
    loader = BatchLoader(pool, settings.batch_size, experiment.seeds(state), shuffles=shuffles)
    validation = _validation_loader(experiment, scheduler)
    try:
        settings.loop(
            experiment.learner,
            optimizer,
            loader,
            validation,
            train_step_fn=_lifted(experiment.learner, settings.train_step_fn, True),
            validate_step_fn=_lifted(experiment.learner, settings.validate_step_fn, False),
            max_epochs=settings.max_epochs,
            max_train_steps=settings.max_train_steps,
            max_val_steps=settings.max_val_steps,
            lr_scheduler=scheduler,
            device=experiment.device,
            session=session,
        )
    finally:
        for each in (loader, validation):
            if each is not None:
                each.close()


def _fit_at_once(
    fit: Callable[..., Mapping[str, float]], experiment: ExperimentContext, state: State, session: EpochSession
) -> None:
    """Fit to all labels together: to callbacks, a phase of one epoch."""
    import torch

    pool: Any = experiment.pools.training
    everything = torch.arange(len(pool))
    experiment.notify.tell(TrainStarted, samples=len(pool), max_epochs=1)
    session.epoch_started(0)
    metrics = fit(pool.inputs(everything), pool.targets(everything), experiment.seeds(state))
    session.epoch_finished(0, 1, metrics)


def _lifted(learner: Any, step: Any, training: bool) -> Any:
    """Return ``step``, written for one learner, as ``learner`` wants it that is made of several."""
    lift = optional_method(learner, "lifted")
    return step if step is None or lift is None else lift(step, training)


def _fit_statistics(experiment: ExperimentContext) -> None:
    fit = getattr(experiment.learner, "fit_statistics", None)
    pool: Any = experiment.pools.training
    if callable(fit) and gives_batches(pool):
        import torch

        everything = torch.arange(len(pool))
        fit(pool.inputs(everything), pool.targets(everything))


def _validation_loader(experiment: ExperimentContext, scheduler: Any) -> BatchLoader | None:
    pool, settings = experiment.pools.validation, experiment.training
    monitored = monitored_validation(experiment.learner, settings.loop, scheduler)
    if monitored and pool is None:
        what = f"{monitored!r} is monitored, but there is no validation pool"
        raise StrategyError(f"{what}\n    → data.validation_size=0.1 reserves a tenth of the rows for it")
    if not (settings.validate or monitored) or pool is None or len(pool) == 0:
        return None
    return BatchLoader(pool, settings.batch_size)
