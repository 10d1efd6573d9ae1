"""Recorded labels: labels that an earlier run has paid for, copied into the run that repeats it.

``recorded/`` is a label log of its own, copied when the run is prepared, so that it holds whatever becomes of the
earlier run. Its lines name what was asked for: a row, a row and a task, the uuid of a datum, or a point.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.types import Annotation
from alrun.store import codec
from alrun.store.label_lines import DEPTH, DamagedLine, LabelReader
from alrun.store.labels import LabelLog
from alrun.store.reading import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RecordedLabels", "record_labels", "recorded_digest", "subject_key"]


def record_labels(directory: Path, annotations: Iterable[Annotation], logger: logging.Logger) -> str:
    """Write ``annotations`` to ``directory``, durably; return the digest of what was written."""
    log = LabelLog(directory, logger)
    try:
        log.append(0, enumerate(annotations))
    finally:
        log.close()
    return recorded_digest(directory)


def recorded_digest(directory: Path) -> str:
    """Return the SHA-256 of the lines in ``directory``, which name that of each file beside them."""
    return file_sha256(LabelReader(directory).path, DEPTH)


class RecordedLabels:
    """The labels that lie in a directory, by what they are of; several of one subject in the order of their purchase.

    Attributes:
        steps_counted: Steps of this run whose requests have been counted, so that none of them has its label twice.
    """

    def __init__(self, directory: Path) -> None:
        """Read them; a directory that is missing holds none.

        Raises:
            CorruptionError: A line does not hold: its label would be bought again.
        """
        self._labels: dict[bytes, list[Annotation]] = {}
        self._used: Counter[bytes] = Counter()
        self.steps_counted = 0
        for line in LabelReader(directory):
            if isinstance(line, DamagedLine):
                raise CorruptionError(f"{directory}: line {line.number} of the recorded labels is damaged: {line.why}")
            self._labels.setdefault(subject_key(line.annotation.item), []).append(line.annotation)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self._labels.values()))

    def count(self, given: Iterable[Sequence[Any]]) -> None:
        """Count the requests of one more step, by the subjects by which their labels may be known."""
        self._used += self._keys(given)
        self.steps_counted += 1

    def answers(
        self, requests: Iterable[tuple[int, Sequence[Any]]], given: Iterable[Sequence[Any]]
    ) -> dict[int, Annotation]:
        """Return by order the label of each request of which there is one left, with its subject for an item.

        Args:
            requests: Order and the subjects by which the label may be known, the first that is found counting.
            given: Subjects of the requests of the same step that have had their labels.
        """
        used = self._used + self._keys(given)
        answers = {}
        for order, subjects in requests:
            key = self._found(subjects)
            if key is not None and used[key] < len(self._labels[key]):
                answers[order] = self._labels[key][used[key]]
                used[key] += 1
        return answers

    def _keys(self, given: Iterable[Sequence[Any]]) -> Counter[bytes]:
        return Counter(key for subjects in given if (key := self._found(subjects)) is not None)

    def _found(self, subjects: Sequence[Any]) -> bytes | None:
        return next((key for key in map(subject_key, subjects) if key in self._labels), None)


def subject_key(subject: Any) -> bytes:
    """Return a digest of a row number, a pair, a uuid or a point, the same for equal ones."""
    tensors: dict[str, Tensor] = {}
    digest = hashlib.sha256(codec.compact_json(codec.encode(subject, tensors)))
    if tensors:
        digest.update(codec.tensors_to_bytes(tensors))
    return digest.digest()
