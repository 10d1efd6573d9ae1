"""Step functions of a training phase: the given one, or the learner's own method, decided once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from alrun.core.errors import StrategyError
from alrun.core.learners import custom_method

__all__ = ["Step", "takes_index", "train_step", "validate_step"]

Step = Callable[[Any, int], Any]


def takes_index(method: Callable[..., Any]) -> bool:
    """Return whether ``method`` wants the batch index after the batch."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except ValueError:
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _indexed(method: Callable[..., Any]) -> Step:
    if takes_index(method):
        return method
    return lambda batch, batch_idx: method(batch)


def train_step(model: Any, function: Callable[[Any, Any], Any] | None) -> Step:
    """Return ``(batch, index) -> loss or None``; ``function`` wins over ``model.training_step``.

    Raises:
        StrategyError: Neither is there.
    """
    if function is not None:
        return lambda batch, batch_idx: function(model, batch)
    method = custom_method(model, "training_step")
    if method is None:
        raise StrategyError(f"{type(model).__name__} has no training_step; set training.train_step_fn")
    return _indexed(method)


def validate_step(model: Any, function: Callable[[Any, Any], Any] | None) -> Step | None:
    """Return ``(batch, index) -> loss or None``, or ``None`` for a model that knows no validation."""
    if function is not None:
        return lambda batch, batch_idx: function(model, batch)
    method = custom_method(model, "validation_step")
    return None if method is None else _indexed(method)
