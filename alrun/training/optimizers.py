"""The optimizers that a manually optimised LightningModule brings along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.training.steps import optimizes_itself

__all__ = ["optimizers_of"]


def optimizers_of(model: Any) -> list[Any]:
    """Return what ``model.configure_optimizers`` yields for manual optimisation; an empty list for any other model.

    Schedulers are left out: under manual optimisation they are the learner's own business.
    """
    if not optimizes_itself(model) or not callable(getattr(model, "configure_optimizers", None)):
        return []
    configured = model.configure_optimizers()
    if configured is None:
        return []
    if isinstance(configured, tuple) and configured and isinstance(configured[0], list):
        configured = configured[0]
    entries = configured if isinstance(configured, list | tuple) else [configured]
    return [entry["optimizer"] if isinstance(entry, Mapping) else entry for entry in entries]
