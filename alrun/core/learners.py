"""Optional parts of a learner, read in one place: its own methods, who steps its optimizers, how it predicts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["custom_method", "optimizes_itself", "prediction_step"]

_PLACEHOLDERS = re.compile(r"(lightning\.pytorch|pytorch_lightning)\.core\.\w+")


def custom_method(learner: Any, name: str) -> Callable[..., Any] | None:
    """Return the method ``name`` of ``learner``; ``None`` where it has none, or only LightningModule's placeholder."""
    method: Callable[..., Any] | None = getattr(learner, name, None)
    placeholder = _PLACEHOLDERS.fullmatch(getattr(method, "__module__", None) or "")
    return None if placeholder or not callable(method) else method


def optimizes_itself(learner: Any) -> bool:
    """Return whether ``learner`` declares Lightning's manual optimization."""
    return getattr(learner, "automatic_optimization", True) is False


def prediction_step(learner: Any) -> Callable[[Any], Any]:
    """Return the ``inference_step`` of ``learner``, or the learner itself where it has none."""
    step: Callable[[Any], Any] = getattr(learner, "inference_step", learner)
    return step
