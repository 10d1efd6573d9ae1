"""Label requests: a row, one task of a row, a datum by its uuid, or a new point."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from alrun.core.errors import StrategyError
from alrun.core.types import TaskSpec

__all__ = ["NamedSource", "Request", "RequestSource", "parse", "request_of", "restored", "restored_key", "same_value"]

Key = int | tuple[int, str] | str


@dataclass(frozen=True, eq=False, slots=True)
class Request:
    """One label request. Two are the same where they have the same ``key``.

    Attributes:
        row: Row number in the source; ``None`` of what no source holds.
        task: Name of the task that is asked for; ``None`` for the whole row.
        uuid: Uuid of the datum, where data have such.
        point: What was chosen, where it is known by nothing else: inputs of a new point ``[*input_shape]``, or what a
            custom pool holds.
    """

    row: int | None = None
    task: str | None = None
    uuid: str | None = None
    point: Any = None

    @property
    def key(self) -> Key | None:
        """What the same request means; ``None`` where it may be made again, as a new point may."""
        if self.point is not None:
            return None
        if self.row is None:
            return self.uuid
        return self.row if self.task is None else (self.row, self.task)

    @property
    def item(self) -> Any:
        """What strategies see and what is stored: row number, pair ``(row, task)``, uuid, or the point itself."""
        return self.key if self.point is None else self.point

    @property
    def name(self) -> str:
        """The request in words."""
        if self.row is None:
            return "a new point" if self.uuid is None else repr(self.uuid)
        return f"row {self.row}" if self.task is None else f"task {self.task!r} of row {self.row}"


class RequestSource(Protocol):
    """The part of a data source that requests are read by."""

    spec: TaskSpec

    def __len__(self) -> int:
        """Return the number of rows."""
        ...


@runtime_checkable
class NamedSource(RequestSource, Protocol):
    """A source whose data have uuids."""

    def uuids(self, rows: Sequence[int]) -> list[str]:
        """Return the uuids of ``rows``."""
        ...

    def uuid_of(self, datum: Any) -> str | None:
        """Return the uuid that ``datum`` brings along; ``None`` where it has none."""
        ...

    def row_of(self, uuid: str) -> int | None:
        """Return the row whose uuid this is; ``None`` where there is none."""
        ...

    def rebuilt(self, uuid: str) -> Any:
        """Return the datum of ``uuid``, which the source need not hold; raises ``StrategyError`` where nobody can."""
        ...


def request_of(item: Any, spec: TaskSpec | None = None) -> Request:
    """Return what a queue item asks for: the one place that asks what an item is.

    Args:
        item: An integer of any kind, a 0-d tensor or array, a pair ``(row, task)`` with the task by number or name, a
            uuid, the inputs of a new point, or a ``Request``.
        spec: The data's tasks, for names and numbers; without any, tasks stay as they are called.

    Raises:
        StrategyError: It is none of these, or there is no such task.
    """
    if isinstance(item, Request):
        return item
    if isinstance(item, str):
        return Request(uuid=item)
    if isinstance(item, tuple) and len(item) == 2:
        return Request(_row(item[0]), _task(item[1], spec))
    if getattr(item, "shape", ()):
        return Request(point=item)
    return Request(_row(item))


def parse(items: Iterable[Any], source: RequestSource | None) -> list[Request]:
    """Return the requests that queue items stand for, with the uuids of their rows where ``source`` has such.

    Data and uuids of ``source`` become their rows. Without a source, items are what a custom pool makes of them.

    Raises:
        StrategyError: An item asks for nothing that there could be.
    """
    if source is None:
        return [_kept(item) for item in items]
    requests = [_resolved(item, source) for item in items]
    if not isinstance(source, NamedSource):
        return requests
    held = [one.row for one in requests if one.row is not None and 0 <= one.row < len(source)]
    uuids = dict(zip(held, source.uuids(held), strict=True))
    return [one if one.row is None else replace(one, uuid=uuids.get(one.row)) for one in requests]


def restored(items: Sequence[Any], uuids: Sequence[str | None] = ()) -> list[Request]:
    """Return the requests that were stored as ``items``, of data that were called ``uuids``."""
    if len(uuids) != len(items):
        return [_kept(item) for item in items]
    return [_named(item, uuid) for item, uuid in zip(items, uuids, strict=True)]


def restored_key(item: Any) -> Key | None:
    """Return the key of what was stored, or is answered, as ``item``; ``None`` where it has none."""
    try:
        return request_of(item).key
    except StrategyError:
        return None


def same_value(first: Any, second: Any) -> bool:
    """Return whether two items are equal; tensors and arrays are where they have the same shape and values.

    What cannot be read as numbers is equal to no tensor.
    """
    if first is second:
        return True
    if first is None or second is None:
        return False
    if hasattr(first, "shape") or hasattr(second, "shape"):
        import torch

        try:
            left, right = torch.as_tensor(first), torch.as_tensor(second)
        except (TypeError, ValueError, RuntimeError):
            return False
        return left.shape == right.shape and bool((left == right).all())
    return bool(first == second)


def _resolved(item: Any, source: RequestSource) -> Request:
    try:
        request = request_of(item, source.spec)
    except StrategyError:
        uuid = source.uuid_of(item) if isinstance(source, NamedSource) else None
        if uuid is None:
            raise
        request = Request(uuid=uuid)
    if request.uuid is None:
        return request
    if not isinstance(source, NamedSource):
        raise StrategyError(_not_asked(item))
    row = source.row_of(request.uuid)
    if row is None:
        source.rebuilt(request.uuid)
        return request
    return Request(row)


def _named(item: Any, uuid: str | None) -> Request:
    """Return the request that was stored as ``item``, of a datum that was called ``uuid``."""
    try:
        return replace(request_of(item), uuid=uuid)
    except StrategyError:
        return Request(point=item)


def _kept(item: Any) -> Request:
    """Return a request that gives back ``item`` exactly as it is."""
    try:
        found = request_of(item)
    except StrategyError:
        return Request(point=item)
    if found.row is None or type(item) is int or (type(item) is tuple and found.key == item):
        return Request(point=item) if found.row is None else found
    return replace(found, point=item)


def _row(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise StrategyError(_not_asked(value)) from None


def _not_asked(item: Any) -> str:
    return f"a label request must be a row number, a uuid or the inputs of a new point, not {item!r:.200}"


def _task(task: Any, spec: TaskSpec | None) -> str:
    names = [part.name for part in spec.tasks] if spec else []
    if task in names or not names:
        return str(task)
    try:
        number = operator.index(task)
    except TypeError:
        number = -1
    if 0 <= number < len(names):
        return names[number]
    raise StrategyError(f"there is no task {task!r}; the data have {', '.join(names)}")
