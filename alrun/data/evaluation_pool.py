"""The pool of rows that are only measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.data.rows import RowSource, as_rows

__all__ = ["EvaluationPool"]


class EvaluationPool:
    """Rows that never change: validation or test. A datum is ``(x, y)`` with the source's own target."""

    def __init__(self, source: RowSource, rows: Tensor) -> None:
        """View ``rows`` of ``source``, in the order given."""
        self.spec = source.spec
        self.indices = as_rows(rows)
        self._source = source

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        """Return the datum at ``position``; negative positions count from the end."""
        row = self.indices[position].reshape(1)
        return self._source.inputs(row)[0], self._source.targets(row)[0]

    def __getitems__(self, positions: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch ``(x [n, *input_shape], y [n] or [n, T])`` at ``positions``."""
        rows = self.indices.index_select(0, as_rows(positions))
        return self._source.inputs(rows), self._source.targets(rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over the data in order."""
        return (self[position] for position in range(len(self)))

    def inputs(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions``."""
        return self._source.inputs(self.indices.index_select(0, as_rows(positions)))

    def targets(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the source's targets ``[n]`` ``int64`` or ``[n, T]`` ``float32`` at ``positions``."""
        return self._source.targets(self.indices.index_select(0, as_rows(positions)))

    def append(self, item: object) -> None:
        """Refuse: what is measured on never changes.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError("validation and test pools never change; label rows into the training pool instead")
