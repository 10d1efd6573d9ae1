"""Unlabeled pool: rows that may be queried, as strategies see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import Source
from alrun.core.request import Request, request_of
from alrun.pool.labels import from_zero
from alrun.pool.rows import Rows, as_rows
from alrun.pool.status import RowStatus, StatusTable
from alrun.pool.subset import Subset

__all__ = ["UnlabeledPool"]


class UnlabeledPool(Subset):
    """Rows of which something may be asked for, by ascending row number. A datum is the inputs alone.

    Rows that are bought for validation are not among them; they are taken, labeled and given back like the others.

    Attributes:
        status: Where each row stands.
    """

    def __init__(self, source: Source, status: StatusTable, rows: Rows | None = None) -> None:
        """View what is open in ``status``; or ``rows`` alone, in their order, whatever becomes of them."""
        super().__init__(source, () if rows is None else rows)
        self.status = status
        self._is_part = rows is not None

    @property
    def indices(self) -> Tensor:
        """Source rows of the pool, ``[n]`` ``int64``, ascending; those of a part in the order that it was given."""
        return self._rows if self._is_part else self.status.open_rows

    def part(self, positions: Rows) -> Self:
        """Return the rows at ``positions``, in that order, as a pool like this one."""
        return type(self)(self.source, self.status, self._at(positions))

    def among(self, rows: Tensor) -> Self:
        """Return the part of the pool that is in ``rows`` ``[m]``, in the order of the pool."""
        return self.part(torch.isin(self.indices, rows).nonzero()[:, 0])

    @property
    def by_task(self) -> bool:
        """Whether labels are bought one task at a time, so that a request is a pair ``(row, task name)``."""
        return self.status.by_task

    @property
    def open_keys(self) -> Tensor:
        """Numbers of all requests that may be made, ``[m]`` ``int64``, ascending; of whole rows the row numbers."""
        return self.status.open_keys(self.indices.sort().values)

    @property
    def validation_keys(self) -> Tensor:
        """Numbers of all requests for validation that may be made, ``[m]`` ``int64``, ascending."""
        return self.status.open_keys(self.validation_indices)

    @property
    def pending(self) -> Tensor:
        """Rows taken for labeling whose labels have not come, ``[p]`` ``int64``, ascending."""
        return self.status.rows(RowStatus.PENDING)

    @property
    def labelled(self) -> Tensor:
        """Rows that have all their labels, ``[l]`` ``int64``, ascending."""
        return self.status.labeled

    @property
    def validation_indices(self) -> Tensor:
        """Validation rows of which a label may be bought, ``[n]`` ``int64``, ascending."""
        return self.status.rows(RowStatus.UNLABELED, validation=True)

    def is_validation(self, rows: Rows) -> Tensor:
        """Return which ``rows`` ``[n]`` of the source are bought for validation, ``[n]`` ``bool``; points are not."""
        known = as_rows(rows)
        return self.status.for_validation[known.clamp_min(0)] & (known >= 0)

    def __getitems__(self, positions: Rows) -> Any:
        """Return the inputs ``[n, *input_shape]`` at ``positions``, or one minibatch of any other kind."""
        return self.inputs(positions)

    def targets(self, positions: Rows) -> Tensor:
        """Refuse: labels are bought.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError("the unlabeled pool gives no targets; label strategies look them up with reveal(rows)")

    def batch(self, positions: Rows, key: int = 0) -> Any:
        """Return one minibatch of the inputs at ``positions``."""
        return self.inputs(positions)

    def append(self, item: object) -> None:
        """Refuse: what may be queried is never more than it was.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError("the unlabeled pool does not grow; label rows into the training pool instead")

    def lookup(self, rows: Rows) -> Any:
        """Return the inputs ``[n, *input_shape]`` of any source ``rows``, whether they are in the pool or not.

        Raises:
            StrategyError: One is not a row of the source.
        """
        return self.source.inputs(self.status.known(rows))

    def gather(self, items: Iterable[Any]) -> Any:
        """Return the inputs of requests as one minibatch: rows, uuids of new data, inputs of new points.

        Where inputs have an origin it is added, and they are ``float64``: whoever labels them sees what the file holds.

        Raises:
            StrategyError: One is neither, or not a row of the source.
        """
        requests = [request_of(item, self.spec) for item in items]
        rows = self.status.known([one.row for one in requests if one.row is not None])
        if self.datum_source:
            return self.datum_source.inputs_of(self.datum_source.made(requests))
        known = iter(self.source.inputs(rows) if len(rows) else ())
        points = (next(known) if one.row is not None else torch.as_tensor(one.point) for one in requests)
        block = torch.stack([point.to(torch.float32) for point in points])
        return from_zero(block, self.spec.input_origin)

    def reveal(self, rows: Rows) -> Tensor:
        """Return the source's own targets of ``rows``, ``[n]`` ``int64`` or ``[n, T]`` ``float32``.

        Where targets have an origin it is added: labels are whole, and ``float64`` then.

        Raises:
            StrategyError: One is not a row of the source, or is held out for validation or test.
        """
        known = self.status.known(rows)
        self.status.refuse_held_out(known)
        return from_zero(self.source.targets(known), self.spec.target_origin)

    def take(self, keys: Rows) -> None:
        """Mark rows as pending, or the requests of these numbers: they leave the pool. All or none.

        Raises:
            StrategyError: One is not in the pool, or is asked for twice.
        """
        self.status.move(as_rows(keys), RowStatus.UNLABELED, RowStatus.PENDING)

    def give_back(self, keys: Rows) -> None:
        """Put pending rows, or requests, back in the pool: their label failed. All or none.

        Raises:
            StrategyError: One is not pending, or is given twice.
        """
        self.status.move(as_rows(keys), RowStatus.PENDING, RowStatus.UNLABELED)

    def label(self, keys: Rows) -> None:
        """Turn pending rows, or requests, into labeled ones. All or none.

        Raises:
            StrategyError: One is not pending, or is given twice.
        """
        self.status.move(as_rows(keys), RowStatus.PENDING, RowStatus.LABELLED)

    def open_tasks(self, rows: Rows) -> Tensor:
        """Return which tasks of ``rows`` may be asked for, ``[n, T]`` ``bool``; ``T = 1`` of whole rows."""
        return self.status.open_tasks(rows)

    def keys(self, rows: Rows) -> Tensor:
        """Return the numbers of all requests for ``rows``, ``[n, T]`` ``int64``, open or not."""
        return self.status.keys(rows)

    def request(self, key: int) -> Any:
        """Return the queue item of a number: a row, or a pair ``(row, task name)`` where tasks are bought."""
        return self.status.request(key).item

    def requests(self, item: Any) -> list[Any]:
        """Return the queue items that one stands for: of a row, where tasks are bought, all that are open.

        Raises:
            StrategyError: It is neither a row nor a pair of a row and a task.
        """
        return [one.item for one in self._requests([item])]

    def request_keys(self, items: Sequence[Any]) -> Tensor:
        """Return the numbers ``[n]`` ``int64`` of queue items; of a row, where tasks are bought, of all that are open.

        Raises:
            StrategyError: One names no row or task of the data.
        """
        return self.status.keys_of(self._requests(items))

    def _requests(self, items: Sequence[Any]) -> list[Request]:
        requests = [request_of(item, self.spec) for item in items]
        return [one for group in self.status.expanded(requests) for one in group]

    def _datum(self, row: Tensor) -> Any:
        if self.datum_source:
            return self.datum_source.without_target(self.datum_source.data(row)[0])
        return self.source.inputs(row)[0]
