"""Records of one metrology strategy as JSON, in a file that grows with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alrun.core.errors import CorruptionError
from alrun.store import codec
from alrun.store.files import write_atomic
from alrun.store.mirror import Mirror
from alrun.store.reading import read_bytes

__all__ = ["RecordFile"]

#: Parts of the path that lie in the run directory: group, name, file.
DEPTH = 3
HEAD, TAIL = b'{"records":[', b'],"tensors":[]}'


class RecordFile:
    """``{"records": […], "tensors": […]}``; tensors lie in safetensors beside it.

    A projection of the commits, which hold what is new in each step: records that have been written are not looked at
    again, unless the list was emptied, loaded or replaced meanwhile, so that a step costs what is new in it.
    """

    def __init__(self, path: Path) -> None:
        """Refer to ``path``; nothing is read or written yet."""
        self._path = path.absolute()
        self._mirror = Mirror(self._path, DEPTH)
        self._ends: tuple[int, Any, Any] | None = None
        self._is_plain = True

    def hold(self, records: Sequence[Any]) -> None:
        """Make ``records`` what the file holds.

        Raises:
            StoreError: One cannot be stored, or the disk refuses.
        """
        ends, self._ends = self._ends, None
        if not (ends and _continues(records, *ends) and self._added(records[ends[0] :])):
            self._write(records)
        if records:
            self._ends = (len(records), records[0], records[-1])

    def read(self) -> list[Any]:
        """Return the records in the file.

        Raises:
            StoreError: It cannot be read.
            CorruptionError: It holds something else.
        """
        try:
            stored = codec.parse_json(read_bytes(self._path, depth=DEPTH))
            tensors = codec.tensors_from_bytes(read_bytes(self._beside, depth=DEPTH)) if stored["tensors"] else {}
            return list(codec.decode(stored["records"], tensors))
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptionError(f"{self._path} does not hold records: {error}") from error

    @property
    def _beside(self) -> Path:
        return self._path.with_suffix(".safetensors")

    def _added(self, new: Sequence[Any]) -> bool:
        """Add ``new``; return whether that was possible."""
        tensors: dict[str, Any] = {}
        try:
            rows = codec.compact_json(list(new) if self._is_plain else codec.encode(list(new), tensors))[1:-1]
        except (TypeError, ValueError):
            return False
        return not tensors and (self._mirror.add(b"," + rows + TAIL, len(TAIL)) if new else self._mirror.add(b""))

    def _write(self, records: Sequence[Any]) -> None:
        """Write everything: as it is where JSON holds it, or else all of it encoded."""
        tensors: dict[str, Any] = {}
        try:
            rows, self._is_plain = codec.compact_json(list(records)), True
        except (TypeError, ValueError):
            rows, self._is_plain = codec.compact_json(codec.encode(list(records), tensors)), False
        if tensors:
            write_atomic(self._beside, codec.tensors_to_bytes(tensors), durable=False)
            names = codec.compact_json(sorted(tensors))
            write_atomic(self._path, HEAD + rows[1:-1] + b'],"tensors":' + names + b"}", durable=False)
            self._mirror = Mirror(self._path, DEPTH)
        else:
            self._mirror.hold(HEAD + rows[1:-1] + TAIL)


def _continues(records: Sequence[Any], count: int, first: Any, last: Any) -> bool:
    """Return whether ``records`` are those of which ``count`` were written, and perhaps more."""
    return len(records) >= count and records[0] is first and records[count - 1] is last
