"""Training: fit the learner on what is labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alrun.core.events import TrainFinished, TrainStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.driver.optimizer import configured_optimizer
from alrun.driver.phases.base import PhaseResult
from alrun.driver.session import EpochSession
from alrun.driver.supply.loader import BatchLoader
from alrun.driver.weights import reset_weights

if TYPE_CHECKING:
    from alrun.driver.host import Host
    from alrun.store.checkpoints import Commit

__all__ = ["TrainingPhase"]


class TrainingPhase:
    """Resets the weights as configured, then runs the training loop; nothing to do while nothing is labelled."""

    tag = ActiveLearningPhase.TRAINING

    def run(self, driver: Host) -> PhaseResult:
        """Train; commits the weights and what the learner logged in the last epoch."""
        if driver.step_is_cold_start:
            return PhaseResult({"skipped": True, "pool": len(driver.training_pool)})
        settings = driver.training
        reset_weights(driver.learner, driver.initial_weights, settings, driver.seeds)
        _fit_statistics(driver)
        optimizer, scheduler = configured_optimizer(driver)
        samples, session = len(driver.training_pool), EpochSession(driver)
        driver.notify.tell(TrainStarted, samples=samples, max_epochs=settings.max_epochs)
        shuffles = getattr(driver.learner, "shuffles", 1)
        loader = BatchLoader(driver.training_pool, settings.batch_size, driver.seeds, shuffles=shuffles)
        validation = _validation_loader(driver)
        try:
            settings.loop(
                driver.learner,
                optimizer,
                loader,
                validation,
                train_step_fn=_lifted(driver.learner, settings.train_step_fn, True),
                validate_step_fn=_lifted(driver.learner, settings.validate_step_fn, False),
                max_epochs=settings.max_epochs,
                max_train_steps=settings.max_train_steps,
                max_val_steps=settings.max_val_steps,
                lr_scheduler=scheduler,
                device=driver.device,
                session=session,
            )
        finally:
            for each in (loader, validation):
                if each is not None:
                    each.close()
        driver.notify.tell(TrainFinished, samples=samples)
        logged = {"logged": session.last_logged} if session.last_logged else {}
        driver.ledger.add_logged(driver.active_learning_step_idx, session.last_logged)
        return PhaseResult({"skipped": False, "pool": samples, **logged}, dict(driver.learner.state_dict()))

    def restore(self, driver: Host, commit: Commit) -> None:
        """Load the weights, where they are still needed, and the size the training pool had at the start."""
        state = commit.state()
        if commit.step == 0:
            driver.initial_pool_size = state["pool"]
        driver.ledger.add_logged(commit.step, state.get("logged", {}))
        if commit.has_weights and commit.step >= driver.restart_step:
            driver.learner.load_state_dict(commit.weights())

    def committed(self, driver: Host) -> None:
        """Remove the checkpoints inside the phase, which its commit replaces, and weights that need not stay."""
        EpochSession(driver).discard()
        step = driver.active_learning_step_idx
        if step >= driver.restart_step and not driver.step_is_cold_start:
            driver.retention.apply(driver.store.checkpoints, step)


def _lifted(learner: Any, step: Any, training: bool) -> Any:
    """Return ``step``, written for one learner, as ``learner`` wants it that is made of several."""
    lift = getattr(learner, "lifted", None)
    return step if step is None or lift is None else lift(step, training)


def _fit_statistics(driver: Host) -> None:
    fit = getattr(driver.learner, "fit_statistics", None)
    pool: Any = driver.training_pool
    if callable(fit) and hasattr(pool, "inputs"):
        import torch

        everything = torch.arange(len(pool))
        fit(pool.inputs(everything), pool.targets(everything))


def _validation_loader(driver: Host) -> BatchLoader | None:
    pool = driver.validation_pool
    if not driver.training.validate or pool is None or len(pool) == 0:
        return None
    return BatchLoader(pool, driver.training.batch_size)
