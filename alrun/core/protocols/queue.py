"""Interface of the queues of query and label strategies."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

__all__ = ["AbstractQueue"]

T = TypeVar("T")


@runtime_checkable
class AbstractQueue(Protocol[T]):
    """First in, first out. ``queue.Queue`` satisfies it.

    A queue may also offer ``to_list()`` and ``from_list(list)`` for checkpoints, and ``put_many(items)``: the driver's
    own queues have all three, and make what one ``put_many`` brings durable together.
    """

    def put(self, item: T) -> None:
        """Add ``item`` at the end."""
        ...

    def get(self) -> T:
        """Remove and return the oldest item."""
        ...

    def empty(self) -> bool:
        """Return whether nothing is queued."""
        ...
