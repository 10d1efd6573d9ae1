"""The pool of rows that may be queried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Split
from alrun.data.rows import RowSource, as_rows, has_repeats, shipped_embeddings

__all__ = ["RowStatus", "UnlabeledPool", "change_status"]


class RowStatus(IntEnum):
    """Where a row of the source stands; rows change only between the first three."""

    UNLABELED = 0
    PENDING = 1
    LABELLED = 2
    HELD_OUT = 3


def change_status(
    status: Tensor, places: Tensor, before: RowStatus, after: RowStatus, name: Callable[[int], str]
) -> None:
    """Set ``status`` ``[M]`` at ``places`` ``[n]`` from ``before`` to ``after``, all or none.

    Raises:
        StrategyError: One does not stand at ``before``, or is named twice; ``name`` says which.
    """
    found = status[places]
    wrong = (found != int(before)).nonzero()
    if len(wrong):
        first = int(wrong[0])
        stands = RowStatus(int(found[first])).name.lower().replace("_", " ")
        what = f"{name(int(places[first]))} is {stands}"
        raise StrategyError(f"{what}; only {before.name.lower()} rows may become {after.name.lower()}")
    if has_repeats(places):
        raise StrategyError(f"a row was named twice among those that become {after.name.lower()}")
    status[places] = int(after)


class UnlabeledPool:
    """Rows that are neither labelled nor pending, in ascending order of their row numbers.

    One byte a row of the source records where the row stands, so that labelled, pending and unlabeled rows are a
    partition of the training rows by construction. A datum is the inputs ``[*input_shape]`` ``float32`` alone.
    """

    def __init__(self, source: RowSource, split: Split) -> None:
        """View the rows ``split.train`` of ``source``, of which ``split.labeled`` have their labels already."""
        self.spec = source.spec
        self._source = source
        self._status = torch.full((len(source),), int(RowStatus.HELD_OUT), dtype=torch.uint8)
        self._status[split.train] = int(RowStatus.UNLABELED)
        self._status[split.labeled] = int(RowStatus.LABELLED)
        self._indices: Tensor | None = None

    @property
    def indices(self) -> Tensor:
        """Source rows of the pool, ``[n]`` ``int64``, ascending."""
        if self._indices is None:
            self._indices = self._with(RowStatus.UNLABELED)
        return self._indices

    @property
    def pending(self) -> Tensor:
        """Rows taken for labelling whose labels have not come, ``[p]`` ``int64``, ascending."""
        return self._with(RowStatus.PENDING)

    @property
    def labelled(self) -> Tensor:
        """Rows that have their labels, ``[l]`` ``int64``, ascending."""
        return self._with(RowStatus.LABELLED)

    def __len__(self) -> int:
        """Return the number of rows in the pool."""
        return len(self.indices)

    def __getitem__(self, position: int) -> Tensor:
        """Return the inputs at ``position``; negative positions count from the end."""
        return self._source.inputs(self.indices[position].reshape(1))[0]

    def __getitems__(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` at ``positions``."""
        return self.inputs(positions)

    def __iter__(self) -> Iterator[Tensor]:
        """Iterate over the inputs of the rows that are in the pool now, in order."""
        return (self.lookup(row.reshape(1))[0] for row in self.indices)

    def inputs(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions`` of the pool."""
        return self._source.inputs(self.indices.index_select(0, as_rows(positions)))

    def shipped_embeddings(self, positions: Sequence[int] | Tensor) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that the data set ships, at ``positions``; ``None`` without any."""
        return shipped_embeddings(self._source, self.indices.index_select(0, as_rows(positions)))

    def lookup(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` of any source ``rows``, whether they are in the pool or not.

        Raises:
            StrategyError: One is not a row of the source.
        """
        return self._source.inputs(self._known(rows))

    def reveal(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the source's own targets of ``rows``, ``[n]`` ``int64`` or ``[n, T]`` ``float32``.

        Raises:
            StrategyError: One is not a row of the source, or is held out for validation or test.
        """
        known = self._known(rows)
        held_out = self._status[known].reshape(len(known), self._status[:1].numel())[:, 0] == int(RowStatus.HELD_OUT)
        if held_out.any():
            raise StrategyError(f"row {int(known[held_out][0])} is held out: its label is not for sale")
        return self._source.targets(known)

    def take(self, rows: Sequence[int] | Tensor) -> None:
        """Mark ``rows`` as pending: they leave the pool. All or none.

        Raises:
            StrategyError: One is not in the pool, or is asked for twice.
        """
        self._move(rows, RowStatus.UNLABELED, RowStatus.PENDING)

    def give_back(self, rows: Sequence[int] | Tensor) -> None:
        """Put pending ``rows`` back in the pool: their label failed. All or none.

        Raises:
            StrategyError: One is not pending, or is given twice.
        """
        self._move(rows, RowStatus.PENDING, RowStatus.UNLABELED)

    def label(self, rows: Sequence[int] | Tensor) -> None:
        """Turn pending ``rows`` into labelled ones. All or none.

        Raises:
            StrategyError: One is not pending, or is given twice.
        """
        self._move(rows, RowStatus.PENDING, RowStatus.LABELLED)

    def _move(self, rows: Sequence[int] | Tensor, before: RowStatus, after: RowStatus) -> None:
        known = self._known(rows)
        change_status(self._status, known, before, after, lambda row: f"row {row}")
        self._indices = None

    def _known(self, rows: Sequence[int] | Tensor) -> Tensor:
        known = as_rows(rows)
        unknown = (known < 0) | (known >= len(self._status))
        if unknown.any():
            raise StrategyError(f"row {int(known[unknown][0])} is not one of the data's {len(self._status)} rows")
        return known

    def _with(self, status: RowStatus) -> Tensor:
        return torch.from_numpy(np.flatnonzero(self._status.numpy() == int(status)))
