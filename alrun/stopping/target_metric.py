"""Stop when a metric reaches a target."""

from __future__ import annotations

import math

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.stopping import Progress

__all__ = ["TargetMetric"]


class TargetMetric:
    """Ends the experiment when the latest value of a metric reaches a target.

    Args:
        monitor: Name of a metric that a metrology strategy records, e.g. ``accuracy``.
        value: The target, in the metric's own unit.
        mode: ``max`` when larger is better, ``min`` when smaller is.

    Raises:
        ConfigError: When ``mode`` is neither or ``value`` is NaN.
    """

    def __init__(self, monitor: str, value: float, mode: str = "max") -> None:
        """Wait until ``monitor`` reaches ``value``."""
        raise_any(choice_problems("stopping.target_metric.mode", mode, ("max", "min")))
        if math.isnan(value):
            raise ConfigError(
                Problem("it cannot be NaN", "stopping.target_metric.value", "stopping.target_metric.value=0.9")
            )
        self.monitor = monitor
        self.value = value
        self.mode = mode

    def __call__(self, progress: Progress) -> str | None:
        """Stop when the target is reached; a metric without a value yet, or with NaN, has not reached it."""
        latest = progress.metrics.get(self.monitor, math.nan)
        reached = latest >= self.value if self.mode == "max" else latest <= self.value
        return f"{self.monitor} has reached {latest:g} (target {self.value:g})" if reached else None
