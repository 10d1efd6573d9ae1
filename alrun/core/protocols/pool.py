"""Interfaces of data sources and pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from alrun.core.request import Request
from alrun.core.seeding import Seeds
from alrun.core.types import Split, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DataPool", "DatumSource", "EmbeddedSource", "Pools", "RowPool", "Source"]

T = TypeVar("T")


@runtime_checkable
class DataPool(Protocol[T]):
    """A data set that can grow. A torch ``Dataset`` with an ``append`` satisfies it.

    The ``append`` of a persistent pool writes to its storage.
    """

    def __getitem__(self, index: int, /) -> T:
        """Return the datum at position ``index``."""
        ...

    def __len__(self) -> int:
        """Return the number of data."""
        ...

    def __iter__(self) -> Iterator[T]:
        """Iterate over the data in order."""
        ...

    def append(self, item: T, /) -> None:
        """Add one datum."""
        ...


class RowPool(Protocol):
    """A pool that views rows of one source and answers in whole batches.

    ``indices`` are the source's row numbers, ``[n]`` ``int64``; a point that no source holds has a negative one.
    """

    spec: TaskSpec

    @property
    def indices(self) -> Tensor:
        """Source rows of the pool, in pool order."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def inputs(self, positions: Tensor) -> Any:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions``, or one minibatch of any other kind."""
        ...


class Source(Protocol):
    """What ``_target_`` of the ``data`` group builds: one immutable set of rows, split by seed.

    A source may also have ``embeddings(rows)`` (see ``EmbeddedSource``), ``uuids(rows)`` and what belongs to it (see
    ``NamedSource``), ``batch(rows, key)`` and what belongs to it where a datum is no row of tensors (see
    ``DatumSource``), and ``partial_labels``: whether labels are bought one task at a time.
    """

    spec: TaskSpec

    def __len__(self) -> int:
        """Return the number of rows ``N``."""
        ...

    def inputs(self, rows: Tensor) -> Any:
        """Return the inputs ``[n, *input_shape]`` ``float32`` of ``rows``, or one minibatch of any other kind."""
        ...

    def targets(self, rows: Tensor) -> Tensor:
        """Return the source's own targets of ``rows``: ``[n]`` or ``[n, T]`` ``int64`` classes, or ``float32``.

        Raises:
            StrategyError: A datum has none.
        """
        ...

    def split(self, seeds: Seeds) -> Split:
        """Return the rows of each pool, drawn from the split stream of ``seeds``."""
        ...

    def fingerprint(self) -> str:
        """Return a SHA-256 of the data itself, so that a resumed run notices that a file has changed."""
        ...


@runtime_checkable
class EmbeddedSource(Protocol):
    """A source that ships vectors to compare rows by."""

    def embeddings(self, rows: Tensor) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` of ``rows``; ``None`` where there are none."""
        ...


@runtime_checkable
class DatumSource(Source, Protocol):
    """A source whose data may be of any type: they are read one by one, and collated.

    Attributes:
        workers: How many processes may read and collate; 0 for none beside this one.
    """

    workers: int

    def data(self, rows: Tensor, key: int = 0) -> list[Any]:
        """Return the data at ``rows``; whatever is random in them is a function of ``key`` and the row."""
        ...

    def batch(self, rows: Tensor, key: int) -> Any:
        """Return one minibatch of the data at ``rows``, with the source's own targets."""
        ...

    def collate(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of ``data``."""
        ...

    def without_target(self, datum: Any) -> Any:
        """Return ``datum`` as a query may see it."""
        ...

    def inputs_of(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of the inputs of ``data``."""
        ...

    def labeled(self, datum: Any, label: Any) -> Any:
        """Return ``datum`` with ``label`` in the place of its target."""
        ...

    def made(self, requests: Sequence[Request]) -> list[Any]:
        """Return the data that ``requests`` ask for, those too that the source does not hold."""
        ...


@dataclass
class Pools:
    """The pools of an experiment; ``None`` where a data set has no such pool."""

    training: DataPool[Any]
    unlabeled: Any | None = None
    validation: DataPool[Any] | None = None
    test: DataPool[Any] | None = None
