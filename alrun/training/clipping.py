"""Gradient clipping, as configured in both loops."""

from __future__ import annotations

from typing import Any

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import Problem

__all__ = ["check_clipping", "left_to"]


def check_clipping(value: float | None, algorithm: str) -> None:
    """Raise ``ConfigError`` unless ``value`` is positive and ``algorithm`` known."""
    problems = []
    if value is not None and not value > 0:
        key = "training.loop.gradient_clip_val"
        problems.append(Problem(f"{value} is not positive", key, f"{key}=1.0, or null for no clipping"))
    key = "training.loop.gradient_clip_algorithm"
    raise_any([*problems, *choice_problems(key, algorithm, ("norm", "value"), noun="algorithm")])


def left_to(learner: Any, value: float | None, algorithm: str) -> float | None:
    """Return the bound that the loop is to put on gradients, after telling ``learner`` the one that it takes care of.

    A learner with an attribute ``gradient_norm`` is made of several, each with a norm of its own.
    """
    if not hasattr(learner, "gradient_norm"):
        return value
    learner.gradient_norm = value if algorithm == "norm" else None
    return None if algorithm == "norm" else value
