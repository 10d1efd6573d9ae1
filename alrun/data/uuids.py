"""UUIDs of a custom data set, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from alrun.core.errors import StrategyError
from alrun.core.request import Request
from alrun.data.datum import DatumForm

__all__ = ["Names"]


class Names:
    """The uuids of a data set, both ways, and data from them."""

    def __init__(self, dataset: Any, form: DatumForm, data: Callable[[Sequence[int]], list[Any]]) -> None:
        """Name the data of ``dataset``, which ``data`` reads by row; reads nothing yet."""
        self._dataset, self._form, self._data = dataset, form, data
        self._rows: dict[str, int] | None = None

    def uuids(self, rows: Sequence[int]) -> list[str]:
        """Return the uuids of ``rows``; the row numbers as text where the data have none."""
        own = getattr(self._dataset, "uuid", None)
        if callable(own):
            return [str(own(row)) for row in rows]
        found = [self._form.uuid(datum) for datum in self._data(rows)]
        return [str(row) if name is None else name for row, name in zip(rows, found, strict=True)]

    def row_of(self, uuid: str) -> int | None:
        """Return the row whose uuid this is; ``None`` where there is none. The first call asks for all uuids."""
        if self._rows is None:
            self._rows = {name: row for row, name in enumerate(self.uuids(range(len(self._dataset))))}
        return self._rows.get(uuid)

    def rebuilt(self, uuid: str) -> Any:
        """Return the datum of ``uuid``, which the data set need not hold.

        Raises:
            StrategyError: Neither the data set nor the type of its data has a ``from_uuid``.
        """
        for holder in (self._dataset, type(self._data([0])[0])):
            make = getattr(holder, "from_uuid", None)
            if callable(make):
                return make(uuid)
        raise StrategyError(
            f"a new datum was chosen, {uuid!r}, but {type(self._dataset).__name__} has no from_uuid to rebuild it"
        )

    def new(self, request: Request) -> Any:
        """Return the datum of a request for what the data set does not hold: by its uuid, or a new point.

        Raises:
            StrategyError: A new point, where a datum is more than its inputs and their target.
        """
        if request.uuid is not None:
            return self.rebuilt(request.uuid)
        return self._form.of_inputs(torch.as_tensor(request.point))
