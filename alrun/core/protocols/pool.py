"""Pools of data, and the sources that make them.

Where a datum is no row of tensors, ``inputs`` gives one minibatch of any type, and the driver looks for more, each of
it optional: ``make_batch(positions, key)`` makes a minibatch with targets, its random numbers derived from ``key``;
``workers`` is how many processes may do so; of an unlabeled pool, ``asked_as(item)`` says how a chosen datum is asked
for (row or uuid), ``uuids(items)`` what requests are called, and ``gather(items)`` is a minibatch of their inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from alrun.core.seeding import Seeds
from alrun.core.types import TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DataPool", "DataSource", "LabeledRows", "Pools", "RowPool", "TaskRows", "UnlabeledRows", "is_data_source"]

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

    def inputs(self, positions: Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions`` of the pool."""
        ...


class LabeledRows(RowPool, Protocol):
    """A pool whose rows have targets: training, validation, test."""

    def targets(self, positions: Tensor) -> Tensor:
        """Return the targets at ``positions``: ``[n]`` ``int64`` classes or ``[n, T]`` ``float32``."""
        ...


class UnlabeledRows(RowPool, Protocol):
    """The pool of rows that are neither labelled nor pending."""

    def reveal(self, rows: Tensor) -> Tensor:
        """Return the source's own targets of ``rows``; for label strategies alone."""
        ...

    def lookup(self, rows: Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` of any source ``rows``, whether they are in the pool or not."""
        ...

    def take(self, rows: Tensor) -> None:
        """Mark ``rows`` as pending: they leave the pool. Raises ``StrategyError`` when one is not in it."""
        ...

    def label(self, rows: Tensor) -> None:
        """Mark pending ``rows`` as labelled."""
        ...

    def give_back(self, rows: Tensor) -> None:
        """Put pending ``rows`` back: their label failed."""
        ...


class TaskRows(UnlabeledRows, Protocol):
    """The pool of rows of which some task is neither labelled nor pending; ``take`` and its like go by request.

    A request is a pair ``(row, task name)``. Its key is a number that orders requests by row, then by task.
    """

    @property
    def open_keys(self) -> Tensor:
        """Keys of all requests that may be made, ``[m]`` ``int64``, ascending."""
        ...

    def open_tasks(self, rows: Tensor) -> Tensor:
        """Return which tasks of ``rows`` may be asked for, ``[n, T]`` ``bool``."""
        ...

    def keys(self, rows: Tensor) -> Tensor:
        """Return the keys of all requests for ``rows``, ``[n, T]`` ``int64``."""
        ...

    def request(self, key: int) -> tuple[int, str]:
        """Return the pair of a key."""
        ...

    def requests(self, item: Any) -> list[tuple[int, str]]:
        """Return the pairs that a queue item stands for: of a row, all tasks that are open."""
        ...

    def request_keys(self, items: Sequence[Any]) -> Tensor:
        """Return the keys ``[n]`` ``int64`` of pairs."""
        ...


@dataclass
class Pools:
    """The pools of an experiment; ``None`` where a data set has no such pool."""

    training: DataPool[Any]
    unlabeled: Any | None = None
    validation: DataPool[Any] | None = None
    test: DataPool[Any] | None = None


class DataSource(Protocol):
    """What ``_target_`` of the ``data`` group builds: one immutable set of rows, split by seed."""

    spec: TaskSpec

    def pools(self, seeds: Seeds) -> Pools:
        """Split the rows with the ``split`` stream of ``seeds`` and return the pools that view them."""
        ...

    def fingerprint(self) -> str:
        """Return a SHA-256 of the data itself, so that a resumed run notices that a file has changed."""
        ...


def is_data_source(data: Any) -> bool:
    """Return whether ``data`` makes its own pools, rather than being a training pool itself."""
    return callable(getattr(data, "pools", None))
