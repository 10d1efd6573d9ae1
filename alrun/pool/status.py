"""Status table: one byte per row, or per task of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.request import Request
from alrun.core.types import Split, TaskSpec
from alrun.pool.rows import Rows, as_rows, has_repeats

__all__ = ["RowStatus", "StatusTable"]


class RowStatus(IntEnum):
    """Where a row of the source, or one task of it, stands; it changes only between the first three."""

    UNLABELED = 0
    PENDING = 1
    LABELLED = 2
    HELD_OUT = 3


class StatusTable:
    """Where each row stands, ``[N, T]`` ``uint8``; ``T`` is the number of tasks, or 1 where whole rows are bought.

    Each place holds one status, so that labeled, pending and unlabeled are a partition by construction. Rows that are
    bought for validation go through the same states, apart from the others. A request's number (``keys``) is
    ``row * T + task``, which is the row number where whole rows are bought. Data that no source holds are known by
    their uuids, new points not at all.

    Attributes:
        by_task: Whether labels are bought one task at a time.
        for_validation: Rows that are bought for validation, ``[N]`` ``bool``.
        sells_validation: Whether there are any.
    """

    def __init__(
        self, spec: TaskSpec, split: Split, size: int, *, by_task: bool = False, sell_validation: bool = False
    ) -> None:
        """Begin with ``split.train`` for sale, of which ``split.labeled`` have their labels.

        Args:
            spec: The data's tasks.
            split: Rows of each pool.
            size: Rows of the source, ``N``.
            by_task: Whether labels are bought one task at a time.
            sell_validation: Whether ``split.validation`` is for sale, too.
        """
        self.by_task = by_task
        self.sells_validation = sell_validation and len(split.validation) > 0
        self._tasks = [part.name for part in spec.tasks] if by_task else [""]
        self._status = torch.full((size, len(self._tasks)), int(RowStatus.HELD_OUT), dtype=torch.uint8)
        self._status[split.train] = int(RowStatus.UNLABELED)
        self._status[split.labeled] = int(RowStatus.LABELLED)
        self.for_validation = torch.zeros(size, dtype=torch.bool)
        if self.sells_validation:
            self.for_validation[split.validation] = True
            self._status[split.validation] = int(RowStatus.UNLABELED)
        self._elsewhere: dict[str, RowStatus] = {}
        self._open: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of rows of the source, ``N``."""
        return len(self._status)

    @property
    def open_rows(self) -> Tensor:
        """Rows of which something may be asked for, ``[n]`` ``int64``, ascending; none that are for validation."""
        if self._open is None:
            self._open = self.rows(RowStatus.UNLABELED)
        return self._open

    def rows(self, status: RowStatus, *, validation: bool = False) -> Tensor:
        """Return the rows of which any task has ``status``, ``[n]`` ``int64``, ascending.

        With ``validation`` these are rows that are bought for validation, else none of them is.
        """
        found = self._status.numpy() == int(status)
        rows = torch.from_numpy(np.flatnonzero(found.reshape(-1) if found.shape[1] == 1 else found.any(axis=1)))
        if self.sells_validation:
            return rows[self.for_validation[rows] == validation]
        return rows[:0] if validation else rows

    @property
    def labeled(self) -> Tensor:
        """Rows that have the labels of all tasks, ``[l]`` ``int64``, ascending; none that are for validation."""
        rows = (self._status == int(RowStatus.LABELLED)).all(dim=1).nonzero().flatten()
        return rows[~self.for_validation[rows]]

    def open_keys(self, rows: Tensor) -> Tensor:
        """Return the numbers of what may be asked for of ``rows``, ``[m]`` ``int64``, in the order of ``rows``."""
        return self.keys(rows)[self.open_tasks(rows)] if self.by_task else rows[self.open_tasks(rows)[:, 0]]

    def open_tasks(self, rows: Rows) -> Tensor:
        """Return which tasks of ``rows`` may be asked for, ``[n, T]`` ``bool``."""
        return self._status[self.known(rows)] == int(RowStatus.UNLABELED)

    def keys(self, rows: Rows) -> Tensor:
        """Return the numbers of all requests for ``rows``, ``[n, T]`` ``int64``, open or not."""
        count = len(self._tasks)
        return self.known(rows)[:, None] * count + torch.arange(count)

    def request(self, key: int) -> Request:
        """Return the request of a number."""
        row, number = divmod(key, len(self._tasks))
        return Request(row, self._tasks[number] if self.by_task else None)

    def keys_of(self, requests: Sequence[Request]) -> Tensor:
        """Return the numbers of those of ``requests`` that name rows of the source, ``[n]`` ``int64``.

        Raises:
            StrategyError: One names no row or task of the data, or a row where a task is bought, or the reverse.
        """
        numbers = [self._number(one) for one in requests if one.row is not None]
        return torch.tensor(numbers, dtype=torch.int64)

    def expanded(self, requests: Sequence[Request]) -> list[list[Request]]:
        """Return what each of ``requests`` stands for: of a row, where tasks are bought, all its tasks that are open.

        Of a row without open tasks these are all its tasks, for the caller to refuse.

        Raises:
            StrategyError: Tasks are bought, and a request names no row.
        """
        return [self._tasks_of(one) for one in requests]

    def may_take(self, requests: Sequence[Request]) -> list[bool]:
        """Return of each request whether it may be made, as one for training."""
        return [self._may_take(one) for one in requests]

    def take(self, requests: Sequence[Request]) -> None:
        """Mark what is asked for as pending; new points are passed over. All or none.

        Raises:
            StrategyError: One is not open, or is made twice.
        """
        self._move_all(requests, RowStatus.UNLABELED, RowStatus.PENDING)

    def label(self, requests: Sequence[Request]) -> None:
        """Turn pending requests into labeled ones. All or none.

        Raises:
            StrategyError: One is not pending, or is named twice.
        """
        self._move_all(requests, RowStatus.PENDING, RowStatus.LABELLED)

    def give_back(self, requests: Sequence[Request]) -> None:
        """Put pending requests back: their labels failed. All or none.

        Raises:
            StrategyError: One is not pending, or is named twice.
        """
        self._move_all(requests, RowStatus.PENDING, RowStatus.UNLABELED)

    def move(self, keys: Tensor, before: RowStatus, after: RowStatus) -> None:
        """Set what the numbers ``keys`` ``[n]`` name from ``before`` to ``after``, all or none.

        Raises:
            StrategyError: One does not stand at ``before``, is no request of the data, or is named twice.
        """
        self.known(keys.div(len(self._tasks), rounding_mode="floor"))
        status = self._status.view(-1)
        found = status[keys]
        wrong = (found != int(before)).nonzero()
        if len(wrong):
            first = int(wrong[0])
            stands = RowStatus(int(found[first])).name.lower().replace("_", " ")
            what = f"{self.request(int(keys[first])).name} is {stands}"
            raise StrategyError(f"{what}; only {before.name.lower()} rows may become {after.name.lower()}")
        if has_repeats(keys):
            raise StrategyError(f"a row was named twice among those that become {after.name.lower()}")
        status[keys] = int(after)
        self._open = None

    def known(self, rows: Rows) -> Tensor:
        """Return ``rows`` as a tensor.

        Raises:
            StrategyError: One is not a row of the source.
        """
        known = as_rows(rows)
        unknown = (known < 0) | (known >= len(self))
        if unknown.any():
            raise StrategyError(f"row {int(known[unknown][0])} is not one of the data's {len(self)} rows")
        return known

    def refuse_held_out(self, rows: Tensor) -> None:
        """Raise ``StrategyError`` where one of ``rows`` is held out: its label is not for sale."""
        held_out = self._status[rows, 0] == int(RowStatus.HELD_OUT)
        if held_out.any():
            raise StrategyError(f"row {int(rows[held_out][0])} is held out: its label is not for sale")

    def _move_all(self, requests: Sequence[Request], before: RowStatus, after: RowStatus) -> None:
        keys = self.keys_of(requests)
        elsewhere = [one.uuid for one in requests if one.row is None and one.uuid is not None]
        for uuid in elsewhere:
            stands = self._elsewhere.get(uuid, RowStatus.UNLABELED)
            if stands is not before:
                raise StrategyError(f"{uuid!r} is {stands.name.lower()}, not {before.name.lower()}")
        if len(set(elsewhere)) < len(elsewhere):
            raise StrategyError(f"a uuid was named twice among those that become {after.name.lower()}")
        self.move(keys, before, after)
        self._elsewhere |= dict.fromkeys(elsewhere, after)

    def _number(self, request: Request) -> int:
        row = request.row or 0
        if not self._holds(row):
            raise StrategyError(f"row {row} is not one of the data's {len(self)} rows")
        if (request.task is not None) is not self.by_task:
            wanted = "a row and a task, as in (12, 0)" if self.by_task else "a row"
            raise StrategyError(f"a request must name {wanted} here, not {request.item!r}")
        return row * len(self._tasks) + (self._tasks.index(request.task) if request.task in self._tasks else 0)

    def _holds(self, row: int) -> bool:
        return 0 <= row < len(self)

    def _tasks_of(self, request: Request) -> list[Request]:
        if self.by_task and request.row is None:
            raise StrategyError(
                f"tasks are labeled one by one here: a request must name a row number, not {request.name}"
            )
        if not self.by_task or request.row is None or request.task is not None or not self._holds(request.row):
            return [request]
        may = self.open_tasks([request.row])[0]
        chosen = (may if may.any() else torch.ones_like(may)).tolist()
        return [replace(request, task=name) for name, wanted in zip(self._tasks, chosen, strict=True) if wanted]

    def _may_take(self, request: Request) -> bool:
        if request.row is None:
            return (
                request.uuid is None
                or request.uuid not in self._elsewhere
                or (self._elsewhere[request.uuid] is RowStatus.UNLABELED)
            )
        if not self._holds(request.row) or bool(self.for_validation[request.row]):
            return False
        return int(self._status.view(-1)[self._number(request)]) == int(RowStatus.UNLABELED)
