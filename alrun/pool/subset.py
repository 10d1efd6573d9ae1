"""Subset of a source in a given order: an evaluation pool, a part of a pool, or a pool in another order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import DatumSource, EmbeddedSource, Source
from alrun.core.request import NamedSource, parse
from alrun.core.types import Task, TaskSpec
from alrun.pool.rows import Rows, as_rows

__all__ = ["Subset", "embeddings_of", "of_inputs"]


class Subset:
    """Rows of a source. A datum is ``(x, y)`` with the source's own target, or what the source's data are.

    Attributes:
        source: The data.
        spec: Its tasks and shapes.
        datum_source: The same, where a datum is no row of tensors; else ``None``.
    """

    def __init__(self, source: Source, rows: Rows) -> None:
        """View ``rows`` of ``source``, in the order given."""
        self.source = source
        self.spec = source.spec
        self.datum_source = source if isinstance(source, DatumSource) else None
        self._rows = as_rows(rows)

    @property
    def indices(self) -> Tensor:
        """Source rows ``[n]`` ``int64``, in pool order."""
        return self._rows

    @property
    def workers(self) -> int:
        """How many processes read and collate; 0 for none beside this one."""
        return self.datum_source.workers if self.datum_source else 0

    @property
    def has_tensors(self) -> bool:
        """Whether a batch is ``(x, y)`` of tensors, read by row numbers."""
        return self.datum_source is None

    def part(self, positions: Rows) -> Self:
        """Return the rows at ``positions``, in that order, as a pool like this one."""
        return type(self)(self.source, self._at(positions))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.indices)

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``; negative positions count from the end."""
        return self._datum(self.indices[position].reshape(1))

    def __getitems__(self, positions: Rows) -> Any:
        """Return ``(x [n, *input_shape], y [n] or [n, T])`` at ``positions``; of other data a list of them."""
        rows = self._at(positions)
        return (
            self.datum_source.data(rows) if self.datum_source else (self.source.inputs(rows), self.source.targets(rows))
        )

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the data of the rows that are in the pool now, in order."""
        return (self._datum(row.reshape(1)) for row in self.indices)

    def inputs(self, positions: Rows) -> Any:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions``, or one minibatch of any other kind."""
        return self.source.inputs(self._at(positions))

    def targets(self, positions: Rows) -> Tensor:
        """Return the source's targets ``[n]`` ``int64`` or ``[n, T]`` ``float32`` at ``positions``."""
        return self.source.targets(self._at(positions))

    def shipped_embeddings(self, positions: Rows) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that the data set ships, at ``positions``; ``None`` without any."""
        return embeddings_of(self.source, self._at(positions))

    def uuids(self, items: Sequence[Any]) -> list[str | None]:
        """Return the uuids of requests; ``None`` for new points, and where data have none."""
        if not isinstance(self.source, NamedSource):
            return [None] * len(items)
        return [request.uuid for request in parse(items, self.source)]

    def batch(self, positions: Rows, key: int = 0) -> Any:
        """Return one minibatch at ``positions``; always the same, whatever the ``key``."""
        return self.datum_source.batch(self._at(positions), 0) if self.datum_source else self.__getitems__(positions)

    def append(self, item: object) -> None:
        """Refuse: what is measured on never changes.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError("validation and test pools never change; label rows into the training pool instead")

    def _at(self, positions: Rows) -> Tensor:
        return self.indices.index_select(0, as_rows(positions))

    def _datum(self, row: Tensor) -> Any:
        if self.datum_source:
            return self.datum_source.data(row)[0]
        return self.source.inputs(row)[0], self.source.targets(row)[0]


class _Inputs:
    """A source of inputs alone."""

    def __init__(self, inputs: Tensor) -> None:
        self.spec = TaskSpec(Task.REGRESSION, tuple(inputs.shape[1:]), 1)
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def inputs(self, rows: Tensor) -> Tensor:
        return self._inputs[rows]


def of_inputs(inputs: Tensor) -> Subset:
    """Return ``inputs`` ``[n, *input_shape]`` as a pool that has no targets."""
    source: Any = _Inputs(inputs)
    return Subset(source, torch.arange(len(inputs)))


def embeddings_of(source: Source, rows: Tensor) -> Tensor | None:
    """Return the vectors ``[n, d]`` that ``source`` ships for ``rows`` ``[n]``; ``None`` where it ships none.

    Raises:
        StrategyError: It ships some, but a row is a new point, with a negative number.
    """
    if not isinstance(source, EmbeddedSource) or source.embeddings(rows[:0]) is None:
        return None
    if bool((rows < 0).any()):
        raise StrategyError(
            "a new point has no embedding among those that the data set ships\n    → query by a model's"
        )
    return source.embeddings(rows)
