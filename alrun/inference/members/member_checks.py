"""Checks that a learner can be stacked with others in one module."""

from __future__ import annotations

from lightning.pytorch import LightningModule
from torch import nn

from alrun.core.errors import ConfigError, Problem
from alrun.core.learners import custom_method, fit_at_once_of, optimizes_itself

__all__ = ["refuse_unfit"]

#: What a loop would call on each member, and steps that are not the loop's.
_HOOKS = (
    *(name for name in dir(LightningModule) if name.startswith("on_") and callable(getattr(LightningModule, name))),
    *("backward", "configure_callbacks", "configure_gradient_clipping", "lr_scheduler_step", "optimizer_step"),
    *("optimizer_zero_grad", "setup", "teardown", "transfer_batch_to_device"),
)


def refuse_unfit(learner: nn.Module) -> None:
    """Raise ``ConfigError`` for a learner that cannot be one of several members."""
    name = type(learner).__name__
    if fit_at_once_of(learner) is not None:
        what = f"{name} is fitted to all labels at once, and has no epochs or initial weights to differ in"
        raise ConfigError(Problem(what, "inference", "learner=mlp, or inference=deterministic"))
    if optimizes_itself(learner):
        what = f"{name} optimizes itself, which members of an ensemble cannot"
        raise ConfigError(Problem(what, "inference", "learner=mlp, or inference=deterministic"))
    changed = [
        hook for hook in _HOOKS if isinstance(learner, LightningModule) and custom_method(learner, hook) is not None
    ]
    if changed:
        what = f"{name} overrides {', '.join(changed)}, which cannot be called for each of several members"
        raise ConfigError(Problem(what, "inference", "inference=deterministic, or a learner without it"))
