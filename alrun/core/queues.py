"""A queue in memory, and a look at what any queue holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from alrun.core.protocols.queue import AbstractQueue

__all__ = ["FifoQueue", "queued_items"]


class FifoQueue:
    """First in, first out, in memory."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        """Start with ``items``."""
        self._items: deque[Any] = deque(items)

    def put(self, item: Any) -> None:
        """Add ``item`` at the end."""
        self._items.append(item)

    def put_many(self, items: Iterable[Any]) -> None:
        """Add ``items`` at the end, in order."""
        self._items.extend(items)

    def get(self) -> Any:
        """Remove and return the oldest item; ``IndexError`` when there is none."""
        return self._items.popleft()

    def empty(self) -> bool:
        """Return whether nothing is queued."""
        return not self._items

    def to_list(self) -> list[Any]:
        """Return the items, oldest first, leaving the queue as it is."""
        return list(self._items)

    def from_list(self, items: Iterable[Any]) -> None:
        """Replace the content."""
        self._items = deque(items)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)


def queued_items(queue: AbstractQueue[Any]) -> list[Any]:
    """Return the items in ``queue``, oldest first, leaving it as it is; none where it has no ``to_list``."""
    to_list = getattr(queue, "to_list", None)
    return to_list() if to_list else []
