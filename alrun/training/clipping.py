"""Bounds on gradients, as both loops take them."""

from __future__ import annotations

from alrun.core.errors import ConfigError, Problem
from alrun.training.monitor import choice_problem

__all__ = ["check_clipping"]


def check_clipping(value: float | None, algorithm: str) -> None:
    """Raise ``ConfigError`` unless ``value`` is positive and ``algorithm`` known."""
    problems = []
    if value is not None and not value > 0:
        key = "training.loop.gradient_clip_val"
        problems.append(Problem(f"{value} is not positive", key, f"{key}=1.0, or null for no clipping"))
    if algorithm not in ("norm", "value"):
        key = "training.loop.gradient_clip_algorithm"
        problems.append(choice_problem("algorithm", str(algorithm), ("norm", "value"), key))
    if problems:
        raise ConfigError(problems)
