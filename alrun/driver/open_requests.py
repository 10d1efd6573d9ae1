"""Open label requests, and the matching of answers to them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from alrun.core.errors import StrategyError
from alrun.core.request import Request, request_of, restored_key, same_value
from alrun.core.types import Annotation

__all__ = ["UNASKED", "OpenRequests", "Stranger"]

#: Order of an answer that belongs to no request.
UNASKED = -1


class Stranger(StrategyError):
    """An answer that belongs to no open request."""

    def __init__(self, what: str, order: int = UNASKED) -> None:
        """Say what it is; ``order`` is that of a request that has its answer already."""
        super().__init__(what)
        self.order = order


class OpenRequests:
    """Requests by order: open, spoiled (open, but they got an answer that is none), or answered."""

    def __init__(
        self,
        requests: Sequence[tuple[int, Any]],
        answered: Sequence[tuple[int, Any]] = (),
        taken: Callable[[], int] = lambda: 0,
    ) -> None:
        """Begin with ``requests`` (order, and what is asked for: a ``Request`` or its item) open.

        Args:
            requests: The open requests, oldest first.
            answered: Requests that had their answers before.
            taken: Returns how many of ``requests`` have been taken from the queue that they are in.
        """
        self._place = {order: number for number, (order, _) in enumerate(requests)}
        self._open = OrderedDict((order, request_of(one)) for order, one in requests)
        self._answered = {order: request_of(one) for order, one in answered}
        self._spoiled: set[int] = set()
        self._taken = taken
        self._orders: defaultdict[Any, list[int]] = defaultdict(list)
        self._unnamed: list[int] = []
        for order, request in (*self._open.items(), *self._answered.items()):
            for name in {request.key, request.uuid} - {None}:
                self._orders[name].append(order)
            if request.key is None:
                self._unnamed.append(order)

    @property
    def items(self) -> list[tuple[int, Any]]:
        """Order and item of the open requests, oldest first."""
        return [(order, request.item) for order, request in self._open.items()]

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self._place)

    @property
    def any_spoiled(self) -> bool:
        """Whether an open request has had an answer that is none."""
        return bool(self._spoiled)

    def told(self, order: int) -> str:
        """Return a request in words."""
        request = self._open.get(order) or self._answered.get(order)
        return f"request {order}, {None if request is None else request.item!r:.80}"

    def is_open(self, order: int) -> bool:
        """Return whether a request has no answer yet."""
        return order in self._open

    def item(self, order: int) -> Any:
        """Return what an open request asks for."""
        return self._open[order].item

    def answer(self, order: int) -> None:
        """Note that an open request has its answer."""
        self._answered[order] = self._open.pop(order)
        self._spoiled.discard(order)

    def spoil(self, order: int) -> None:
        """Note that a request got an answer that is none."""
        if order in self._open:
            self._spoiled.add(order)

    def reopen(self, orders: Iterable[int]) -> None:
        """Take back that requests have their answers."""
        again = {order: self._answered.pop(order) for order in orders}
        if again:
            self._open = OrderedDict(sorted((self._open | again).items(), key=lambda one: self._place[one[0]]))

    def match(self, answer: Any, *, in_order: bool = True) -> int:
        """Return the order of the open request that ``answer`` belongs to.

        A bare answer (not an ``Annotation``) belongs to the oldest that is not spoiled.

        Args:
            answer: What the strategy has put in the queue.
            in_order: Whether that is beyond doubt. Otherwise a strategy that has seen an error may as well answer the
                spoiled request again: only what has been taken and not answered is looked at, and must be one request.

        Raises:
            Stranger: There is none, or it cannot be told which.
        """
        if not isinstance(answer, Annotation):
            return self._oldest() if in_order else self._only()
        orders = self._asked(answer.item)
        for order in orders:
            if order in self._open:
                return order
        if orders:
            raise Stranger("answered a request a second time", orders[0])
        raise Stranger(f"answered a request that was not made: {answer.item!r:.200}")

    def _asked(self, item: Any) -> list[int]:
        """Return the orders of the requests that ``item`` names: by its key, by its uuid, or by equal inputs."""
        key = restored_key(item)
        known = [] if key is None else self._orders.get(key, [])
        return known or [order for order in self._unnamed if same_value(self._any(order).item, item)]

    def _any(self, order: int) -> Request:
        return self._open.get(order) or self._answered[order]

    def _oldest(self) -> int:
        for order in self._open:
            if order not in self._spoiled:
                return order
        raise Stranger("answered more requests than it was given")

    def _only(self) -> int:
        taken = self._taken() or len(self._place)
        waiting = [order for order in self._open if self._place[order] < taken]
        candidates = [order for order in waiting if order not in self._spoiled] or waiting
        if not self._open:
            raise Stranger("answered more requests than it was given")
        if len(candidates) != 1:
            what = "gave an answer without a request after an invalid one, and it may belong to several requests"
            raise Stranger(f"{what}: put an Annotation, which names its request")
        return candidates[0]
