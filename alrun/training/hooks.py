"""Hooks of a LightningModule that the fabric loop calls: only those that the learner overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alrun.core.compat import is_lightning
from alrun.core.errors import ConfigError, Problem
from alrun.core.learners import custom_method

__all__ = ["Hooks", "refuse_uncalled"]

#: What changes how a batch is moved, differentiated or stepped belongs to the Trainer.
UNCALLED = (
    "backward",
    "configure_callbacks",
    "configure_gradient_clipping",
    "lr_scheduler_step",
    "on_after_batch_transfer",
    "on_before_batch_transfer",
    "optimizer_step",
    "optimizer_zero_grad",
    "transfer_batch_to_device",
)


def refuse_uncalled(model: Any) -> None:
    """Raise ``ConfigError`` for a LightningModule that overrides what only a Trainer calls."""
    overridden = [name for name in UNCALLED if is_lightning(model) and custom_method(model, name) is not None]
    if overridden:
        what = f"{type(model).__name__} overrides {', '.join(overridden)}, which the fabric loop does not call"
        raise ConfigError(Problem(what, "training", "training=trainer"))


class Hooks:
    """Calls what a learner overrides, by name, and nothing where it overrides nothing."""

    def __init__(self, model: Any) -> None:
        """Serve ``model``; one that is no LightningModule has no hooks."""
        self._model: Any = model if is_lightning(model) else None

    def own(self, name: str) -> Callable[..., Any] | None:
        """Return the hook ``name`` where it is overridden."""
        return None if self._model is None else custom_method(self._model, name)

    def call(self, *names: str) -> None:
        """Call the hooks ``names``, which take nothing, in order."""
        for name in names:
            hook = self.own(name)
            if hook is not None:
                hook()

    def call_stage(self, name: str) -> None:
        """Call ``setup`` or ``teardown`` for fitting."""
        hook = self.own(name)
        if hook is not None:
            hook("fit")

    def shown(self, output: Any) -> Any:
        """Return what a Trainer shows ``on_train_batch_end``: a dict with the detached loss."""
        if output is None:
            return {}
        entries = dict(output) if isinstance(output, Mapping) else {"loss": output}
        return {name: value.detach() if hasattr(value, "detach") else value for name, value in entries.items()}
