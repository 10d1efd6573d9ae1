"""Metrics of several tasks: one record per task, and the mean."""

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

    There is no mean of what some task does not have.

    Args:
        values: For each task the values by name.
    """
    names = list(dict.fromkeys(name for of_task in values.values() for name in of_task))
    shared = [name for name in names if all(name in of_task for of_task in values.values())]
    means = {name: math.fsum(of_task[name] for of_task in values.values()) / len(values) for name in shared}
    each = ((f"{name}/{task}", of_task) for name in names for task, of_task in values.items() if name in of_task)
    return means | {key: of_task[key.partition("/")[0]] for key, of_task in each}
