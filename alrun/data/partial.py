"""Pools of data with several tasks whose labels are bought one task at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.requests import is_pair, task_pair
from alrun.core.types import Annotation, LabelStatus, Split, Task
from alrun.data.labels import num_classes, refuse_unlabelled, row_number
from alrun.data.rows import RowSource, as_rows, has_repeats
from alrun.data.training_pool import TrainingPool
from alrun.data.unlabeled_pool import RowStatus, UnlabeledPool, change_status

__all__ = ["MISSING", "PartialTrainingPool", "PartialUnlabeledPool"]

#: Target of a classification whose label has not been bought; of a regression it is NaN.
MISSING = -1


class PartialUnlabeledPool(UnlabeledPool):
    """Rows of which at least one task is neither labelled nor pending; one byte a row and task says where it stands.

    A request is a pair ``(row, task)``, the task by number or name. ``take``, ``label`` and ``give_back`` go by the key
    of a request, ``row * T + task``.
    """

    def __init__(self, source: RowSource, split: Split) -> None:
        """View the rows ``split.train`` of ``source``, of which ``split.labeled`` have all their labels already."""
        super().__init__(source, split)
        self._status = self._status[:, None].repeat(1, len(self.spec.tasks))

    @property
    def open_keys(self) -> Tensor:
        """Keys of all requests that may be made, ``[m]`` ``int64``, ascending."""
        return torch.from_numpy(np.flatnonzero(self._status.numpy() == int(RowStatus.UNLABELED)))

    @property
    def labelled(self) -> Tensor:
        """Rows that have the labels of all tasks, ``[l]`` ``int64``, ascending."""
        return (self._status == int(RowStatus.LABELLED)).all(dim=1).nonzero().flatten()

    def open_tasks(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return which tasks of ``rows`` may be asked for, ``[n, T]`` ``bool``."""
        return self._status[self._known(rows)] == int(RowStatus.UNLABELED)

    def keys(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the keys of all requests for ``rows``, ``[n, T]`` ``int64``, open or not."""
        count = len(self.spec.tasks)
        return self._known(rows)[:, None] * count + torch.arange(count)

    def request(self, key: int) -> tuple[int, str]:
        """Return the pair ``(row, task name)`` of a key."""
        row, number = divmod(key, len(self.spec.tasks))
        return row, self.spec.tasks[number].name

    def requests(self, item: Any) -> list[tuple[int, str]]:
        """Return the pairs ``(row, task name)`` that a queue item stands for: of a row, all tasks that are open.

        Of a row without open tasks these are all its tasks, for the caller to refuse.

        Raises:
            StrategyError: It is neither a row nor a pair of a row and a task.
        """
        if is_pair(item):
            row, number = task_pair(item, self.spec)
            return [(row, self.spec.tasks[number].name)]
        row = row_number(item)
        may = self.open_tasks([row])[0]
        chosen = may if may.any() else torch.ones_like(may)
        return [(row, part.name) for part, wanted in zip(self.spec.tasks, chosen.tolist(), strict=True) if wanted]

    def request_keys(self, items: Sequence[Any]) -> Tensor:
        """Return the keys ``[n]`` ``int64`` of pairs.

        Raises:
            StrategyError: One is no pair of a row and a task of the data.
        """
        rows, tasks = _numbered(items, self)
        return self.keys(rows).gather(1, tasks[:, None]).squeeze(1)

    def _move(self, rows: Sequence[int] | Tensor, before: RowStatus, after: RowStatus) -> None:
        change_status(self._status.view(-1), as_rows(rows), before, after, self._named)
        self._indices = None

    def _named(self, key: int) -> str:
        row, task = self.request(key)
        return f"task {task!r} of row {row}"

    def _with(self, status: RowStatus) -> Tensor:
        return (self._status == int(status)).any(dim=1).nonzero().flatten()


class PartialTrainingPool(TrainingPool):
    """Rows of which at least one label was bought, in the order in which their first labels came.

    A datum is ``(x, y)`` with ``y`` ``[T]`` ``int64``, -1 where the label is missing, or ``float32`` with NaN there.
    """

    def __init__(self, source: RowSource, labeled: Sequence[int] | Tensor = ()) -> None:
        """Start with the rows ``labeled`` of ``source``, whose labels the data set ships; by default with none."""
        self._newest = torch.empty(0, dtype=torch.int64)
        self._classify = source.spec.task is Task.CLASSIFICATION
        super().__init__(source, labeled)

    @property
    def newest(self) -> Tensor:
        """Positions of the rows that the last ``extend`` brought labels for, ``[k]`` ``int64``, ascending."""
        return self._newest

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Refuse labels that the pool could not take, before they are acknowledged; adds nothing.

        Raises:
            StrategyError: A label is no class of the task that was asked for, or not finite.
        """
        self._encoded([one for one in annotations if one.status is LabelStatus.LABELLED])

    def extend(self, annotations: Sequence[Annotation]) -> None:
        """Add the labels of ``(row, task)`` pairs, all or none of them.

        Raises:
            StrategyError: One is not labelled, its row or task is unknown or has a label already, or its label is no
                class of the task.
        """
        if not annotations:
            return
        refuse_unlabelled(annotations)
        rows, tasks, values = self._encoded(annotations)
        fresh = as_rows(list(dict.fromkeys(row for row in rows.tolist() if not self._holds(row))))
        if has_repeats(rows * len(self.spec.tasks) + tasks):
            raise StrategyError("a task of a row was labelled twice in one batch")
        held = ~torch.isin(rows, fresh)
        before = self._targets.view[self._positions(rows[held]), tasks[held]]
        known = before != MISSING if self._classify else ~before.isnan()
        if known.any():
            row = int(rows[held][known][0])
            raise StrategyError(f"a task of row {row} has a label already")
        self._add(fresh, torch.full((len(fresh), len(self.spec.tasks)), MISSING if self._classify else math.nan))
        positions = self._positions(rows)
        self._targets.view[positions, tasks] = values
        self._newest = positions.unique()

    def _holds(self, row: int) -> bool:
        return 0 <= row < len(self._held) and bool(self._held[row])

    def _positions(self, rows: Tensor) -> Tensor:
        where = torch.full((len(self._held),), -1)
        where[self.indices] = torch.arange(len(self))
        return where[rows]

    def _encoded(self, annotations: Sequence[Annotation]) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows and tasks ``[n]`` ``int64`` of labelled annotations, and their classes or values ``[n]``."""
        rows, tasks = _numbered([one.item for one in annotations], self)
        try:
            given = torch.as_tensor([float(one.target) for one in annotations], dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise StrategyError(f"a label that is not one class, or one number: {error}") from error
        if not self._classify:
            if not given.isfinite().all():
                raise StrategyError("a label is not finite; answer such a request with status 'failed'")
            return rows, tasks, given.to(torch.float32)
        limit = num_classes(self.spec)[tasks]
        wrong = (given != given.floor()) | (given < 0) | (given >= limit)
        if wrong.any():
            name = self.spec.tasks[int(tasks[wrong][0])].name
            most = int(limit[wrong][0]) - 1
            raise StrategyError(f"label {given[wrong][0].item():g} is not a class of task {name!r} (0 to {most})")
        return rows, tasks, given.to(torch.int64)


def _numbered(items: Sequence[Any], pool: UnlabeledPool | TrainingPool) -> tuple[Tensor, Tensor]:
    pairs = [task_pair(item, pool.spec) for item in items]
    numbers = torch.tensor(pairs, dtype=torch.int64).reshape(len(pairs), 2)
    return numbers[:, 0], numbers[:, 1]
