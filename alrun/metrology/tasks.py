"""Values of several tasks: one record a task, and their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping

from alrun.core.types import TaskSpec

__all__ = ["by_task", "task_metrics"]


def task_metrics(metrics: Mapping[str, bool | None], spec: TaskSpec | None) -> dict[str, bool | None]:
    """Return the metrics that are recorded for ``spec``: each, and each of every task as ``name/task``."""
    names = [part.name for part in spec.tasks] if spec is not None else []
    return dict(metrics) | {f"{name}/{task}": better for name, better in metrics.items() for task in names}


def by_task(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over the tasks of each value, under its name, and the value of each task, as ``name/task``.

    Args:
        values: For each task the values by name, the same names for all.
    """
    names = list(next(iter(values.values())))
    means = {name: math.fsum(of_task[name] for of_task in values.values()) / len(values) for name in names}
    return means | {f"{name}/{task}": of_task[name] for name in names for task, of_task in values.items()}
