"""Optimizers that a manually optimized LightningModule configures for itself, and their learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alrun.core.learners import custom_method, optimizes_itself
from alrun.core.optimizers import parsed

__all__ = ["configured_by", "learning_rate"]


def configured_by(model: Any) -> tuple[list[Any], list[Any]]:
    """Return the optimizers and the schedulers of a ``model`` with manual optimization; nothing of any other.

    The schedulers are the learner's to step; a loop only keeps their state.
    """
    configure = custom_method(model, "configure_optimizers") if optimizes_itself(model) else None
    optimizers, schedulers = parsed(None if configure is None else configure())
    return optimizers, [one["scheduler"] if isinstance(one, Mapping) else one for one in schedulers]


def learning_rate(optimizers: Sequence[Any]) -> dict[str, float]:
    """Return ``{"lr": rate}`` of the first parameter group, or nothing where there is no such rate."""
    groups = optimizers[0].param_groups if optimizers else []
    return {"lr": float(groups[0]["lr"])} if groups and "lr" in groups[0] else {}
