"""The optimizers that a manually optimised LightningModule brings along, and the rate at which one learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alrun.training.steps import optimizes_itself, own_method

__all__ = ["learning_rate", "optimizers_of"]


def optimizers_of(model: Any) -> list[Any]:
    """Return what ``model.configure_optimizers`` yields for manual optimisation; an empty list for any other model.

    Schedulers are left out: under manual optimisation they are the learner's own business.
    """
    configure = own_method(model, "configure_optimizers") if optimizes_itself(model) else None
    configured = None if configure is None else configure()
    if configured is None:
        return []
    if isinstance(configured, tuple) and configured and isinstance(configured[0], list):
        configured = configured[0]
    entries = configured if isinstance(configured, list | tuple) else [configured]
    return [entry["optimizer"] if isinstance(entry, Mapping) else entry for entry in entries]


def learning_rate(optimizers: Sequence[Any]) -> dict[str, float]:
    """Return ``{"lr": rate}`` of the first parameter group, or nothing where there is no such rate."""
    groups = optimizers[0].param_groups if optimizers else []
    return {"lr": float(groups[0]["lr"])} if groups and "lr" in groups[0] else {}
