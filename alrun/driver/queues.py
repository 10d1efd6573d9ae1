"""The driver's queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation

__all__ = ["DurableQueue", "FifoQueue"]


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


class DurableQueue(FifoQueue):
    """The queue that label strategies answer into: an answer is on disk before ``put`` returns.

    A bare answer (not an ``Annotation``) belongs to the oldest request that is still open. Answers may come from any
    thread, until the queue is closed; an error that one of them met is raised again then, whoever has caught it.
    """

    def __init__(
        self,
        requests: Sequence[tuple[int, Any]],
        acknowledge: Callable[[Sequence[tuple[int, Annotation]]], None],
        wrap: Callable[[Any, Any], Annotation],
        author: str = "the label strategy",
        uuids: Callable[[Sequence[Any]], Sequence[str | None]] | None = None,
    ) -> None:
        """Take answers to ``requests`` (order, item).

        Args:
            requests: The open requests.
            acknowledge: Makes (order, annotation) pairs durable together.
            wrap: Makes an annotation of a request and a bare answer.
            author: Who answers, for error messages.
            uuids: Returns what requests are called, where an answer may name its request so.
        """
        super().__init__()
        self._open = list(requests)
        self._acknowledge = acknowledge
        self._wrap = wrap
        self._author = author
        self._uuids = uuids
        self._lock = RLock()
        self._is_closed = False
        self._failure: BaseException | None = None

    @property
    def open_requests(self) -> list[tuple[int, Any]]:
        """Requests that have no answer yet."""
        return list(self._open)

    def put(self, item: Any) -> None:
        """Make one answer durable and queue it."""
        self.put_many([item])

    def put_many(self, items: Iterable[Any]) -> None:
        """Make several answers durable together and queue them.

        Raises:
            StrategyError: An answer to something that was not asked, or was answered already, or that comes too late.
        """
        with self._lock:
            if self._is_closed:
                raise StrategyError(f"{self._author} answered after its call had ended")
            try:
                answers = [self._match(item) for item in items]
                if answers:
                    self._acknowledge(answers)
                    super().put_many(annotation for _, annotation in answers)
            except BaseException as error:
                self._failure = self._failure or error
                raise

    def finish(self, answer: Callable[[Any], Annotation]) -> None:
        """Give every request that is open the answer of ``answer``, and close.

        Raises:
            AlrunError: An answer could not be taken; the open requests stay as they are.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self.put_many(answer(item) for _, item in self.open_requests)
            self.close()

    def close(self) -> None:
        """Take no more answers."""
        with self._lock:
            self._is_closed = True

    def _match(self, answer: Any) -> tuple[int, Annotation]:
        if not self._open:
            raise StrategyError(f"{self._author} answered more requests than it was given")
        if not isinstance(answer, Annotation):
            order, request = self._open.pop(0)
            return order, self._wrap(request, answer)
        names = self._named() if isinstance(answer.item, str) else ()
        for position, (order, request) in enumerate(self._open):
            if same_item(request, answer.item) or (names and names[position] == answer.item):
                del self._open[position]
                return order, replace(answer, item=request)
        raise StrategyError(f"{self._author} answered a request that was not made: {answer.item!r}")

    def _named(self) -> Sequence[str | None]:
        return self._uuids([request for _, request in self._open]) if self._uuids is not None else ()


def same_item(first: Any, second: Any) -> bool:
    """Return whether two queue items are the same request."""
    if first is second:
        return True
    if isinstance(first, str) or isinstance(second, str):
        return type(first) is type(second) and bool(first == second)
    if hasattr(first, "shape") or hasattr(second, "shape"):
        import torch

        left, right = torch.as_tensor(first), torch.as_tensor(second)
        return left.shape == right.shape and bool((left == right).all())
    return bool(first == second)
