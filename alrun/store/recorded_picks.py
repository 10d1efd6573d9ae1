"""Recorded picks: the samples that an earlier run has chosen, step by step, copied into the run that replays them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.parsing import parse_json
from alrun.store import codec
from alrun.store.files import write_atomic
from alrun.store.reading import Most, is_there, read_bytes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RecordedPicks"]

PICKS, TENSORS = "picks.json", "picks.safetensors"
DEPTH = 2


class RecordedPicks:
    """The items that were chosen in each step, in their order, each with the name of the strategy that chose it.

    Attributes:
        steps: Of each step ``items`` and ``strategies``, of one length.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Hold ``steps``."""
        self.steps = steps
        tensors: dict[str, Tensor] = {}
        self._text = codec.compact_json(codec.encode(list(steps), tensors))
        self._tensors = codec.tensors_to_bytes(tensors) if tensors else b""

    @property
    def digest(self) -> str:
        """SHA-256 of all of them, 64 hexadecimal digits."""
        return hashlib.sha256(self._text + self._tensors).hexdigest()

    def __len__(self) -> int:
        """Return the number of items."""
        return sum(len(step["items"]) for step in self.steps)

    @classmethod
    def read(cls, directory: Path) -> RecordedPicks | None:
        """Return what ``write`` put in ``directory``; ``None`` where there is nothing.

        Raises:
            CorruptionError: It is not what was written.
        """
        if not is_there(directory / PICKS):
            return None
        try:
            text = parse_json(read_bytes(directory / PICKS, Most.TABLE, DEPTH))
            blob = read_bytes(directory / TENSORS, depth=DEPTH) if is_there(directory / TENSORS) else b""
            steps = codec.decode(text, codec.tensors_from_bytes(blob) if blob else {})
            sound = all(len(step["items"]) == len(step["strategies"]) for step in steps)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CorruptionError(f"{directory / PICKS} cannot be read: {error}") from error
        if not sound:
            raise CorruptionError(f"{directory / PICKS} is not what was written")
        return cls(steps)

    def write(self, directory: Path) -> None:
        """Write them to ``directory``, durably.

        Raises:
            StoreError: The disk refuses.
        """
        if self._tensors:
            write_atomic(directory / TENSORS, self._tensors)
        write_atomic(directory / PICKS, self._text)
