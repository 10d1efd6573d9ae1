"""Label requests that name one task of a row: the pair ``(row, task)``."""

from __future__ import annotations

import operator
from typing import Any, TypeGuard

from alrun.core.errors import StrategyError
from alrun.core.types import TaskSpec

__all__ = ["is_pair", "task_of", "task_pair"]


def is_pair(item: Any) -> TypeGuard[tuple[Any, Any]]:
    """Return whether a queue item is a pair ``(row, task)``."""
    return isinstance(item, tuple) and len(item) == 2


def task_of(task: Any, spec: TaskSpec) -> int:
    """Return the number of a task that is given by number or by name.

    Raises:
        StrategyError: The data have no such task.
    """
    names = [part.name for part in spec.tasks]
    if task in names:
        return names.index(task)
    try:
        number = operator.index(task)
    except TypeError:
        number = -1
    if 0 <= number < len(names):
        return number
    raise StrategyError(f"there is no task {task!r}; the data have {', '.join(names) or 'a single one'}")


def task_pair(item: Any, spec: TaskSpec) -> tuple[int, int]:
    """Return row number and task number of a pair.

    Raises:
        StrategyError: It is no pair of a row and a task of the data.
    """
    if not is_pair(item):
        raise StrategyError(f"a request must name a row and a task here, as in (12, 0), not {item!r}")
    try:
        return operator.index(item[0]), task_of(item[1], spec)
    except TypeError:
        raise StrategyError(f"{item[0]!r} is no row number") from None
