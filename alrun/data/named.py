"""Rows of arrays that have names: paths of files, or identifiers of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alrun.core.errors import StrategyError
from alrun.data.problems import fail
from alrun.data.source import ArraySource

__all__ = ["NamedArraySource"]


class NamedArraySource(ArraySource):
    """An ``ArraySource`` whose rows have uuids, which stand in the ledger beside the row numbers.

    Set ``names`` after the base is built; without any a row is called by its number.
    """

    _names: Sequence[str] | None = None
    _rows: dict[str, int] | None = None

    def name_rows(self, names: Sequence[str] | None, where: str) -> None:
        """Call the rows by ``names``, one each; ``None`` for their numbers.

        Raises:
            DataError: There are more or fewer names than rows, or two rows have the same; ``where`` says whose.
        """
        if names is None:
            return
        if len(names) != len(self):
            raise fail(f"{len(names)} names, but {len(self)} rows", where, "one per row, in order")
        rows = {name: row for row, name in enumerate(names)}
        if len(rows) < len(names):
            row = next(row for row, name in enumerate(names) if rows[name] != row)
            raise fail(f"rows {row} and {rows[names[row]]} are both called {names[row]!r:.80}", where, "names differ")
        self._names, self._rows = names, rows

    def uuids(self, rows: Sequence[int]) -> list[str]:
        """Return the uuids of ``rows``; the row numbers as text where the data have none."""
        return [str(row) for row in rows] if self._names is None else [self._names[row] for row in rows]

    def uuid_of(self, datum: Any) -> str | None:
        """Return ``None``: a tensor does not say which row it is."""
        return None

    def row_of(self, uuid: str) -> int | None:
        """Return the row whose uuid this is; ``None`` where there is none."""
        if self._rows is not None:
            return self._rows.get(uuid)
        return int(uuid) if uuid.isdecimal() and uuid == str(int(uuid)) and int(uuid) < len(self) else None

    def rebuilt(self, uuid: str) -> Any:
        """Refuse: there are no data beside the rows.

        Raises:
            StrategyError: Always.
        """
        raise StrategyError(f"there is no row {uuid!r} in the data")
