"""Progress of a Trainer as plain values, and its restoration in a new Trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.compat import logged_steps, set_logged_steps
from alrun.training.state import plain

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer

__all__ = ["load_trainer", "trainer_state"]


def trainer_state(trainer: Trainer, model: Any, callbacks: list[Callback], epoch: int) -> dict[str, Any]:
    """Return what continues ``trainer`` after ``epoch`` finished epochs.

    Args:
        trainer: Between two epochs.
        model: The learner whose weights are saved.
        callbacks: Those whose state is saved, by their ``state_key``.
        epoch: Epochs finished.
    """
    inner = trainer.fit_loop.epoch_loop
    state: dict[str, Any] = plain(
        {
            "epoch": epoch,
            "batches": inner.batch_progress.total.completed,
            "steps": trainer.global_step,
            "log_steps": logged_steps(trainer),
            "stopped": trainer.should_stop,
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
            "schedulers": [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs],
            "precision": trainer.precision_plugin.state_dict(),
            "callbacks": {callback.state_key: callback.state_dict() for callback in callbacks},
        }
    )
    return state


def load_trainer(trainer: Trainer, model: Any, callbacks: list[Callback], state: Mapping[str, Any]) -> None:
    """Put ``trainer``, whose strategy is set up but which has not begun, where ``state`` was taken."""
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    for config, saved in zip(trainer.lr_scheduler_configs, state["schedulers"], strict=True):
        config.scheduler.load_state_dict(saved)
    trainer.precision_plugin.load_state_dict(state["precision"])
    for callback in callbacks:
        callback.load_state_dict(state["callbacks"][callback.state_key])
    _count(trainer, int(state["epoch"]), int(state["batches"]), int(state["steps"]))
    set_logged_steps(trainer, int(state["log_steps"]))


def _count(trainer: Trainer, epochs: int, batches: int, steps: int) -> None:
    """Set the counters of an epoch boundary; Lightning's own restart logic is for checkpoints inside an epoch."""
    inner = trainer.fit_loop.epoch_loop
    trainer.fit_loop.epoch_progress.increment_by(epochs)
    inner.batch_progress.total.increment_by(batches)
    inner.automatic_optimization.optim_progress.optimizer.step.total.increment_by(steps)
    inner.automatic_optimization.optim_progress.optimizer.zero_grad.total.increment_by(steps)
    inner.manual_optimization.optim_step_progress.total.increment_by(steps)
