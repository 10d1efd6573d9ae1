"""The label log: every answer as it arrives, on disk before it is acknowledged.

``labels/labels.jsonl`` has one line an answer, with a CRC-32. A line that a crash tore off at the end is cut away when
the log is opened (under the run's lock); a damaged line elsewhere is passed over and said, and its request is asked
again. Tensors of more than a few kilobytes go to a file of their own, written before the line that names it; those of
a megabyte and more are kept in memory as maps of that file alone, so that labels as large as the memory can be held.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.types import Annotation
from alrun.store import codec
from alrun.store.files import AppendLog, truncate, write_atomic
from alrun.store.label_lines import MAPPED_BYTES, AnswerBook, DamagedLine, LabelReader, rendered

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LabelLog"]

INLINE_BYTES = 4096


class LabelLog:
    """Append-only log of answers, keyed by step and by the request's order within the step."""

    def __init__(self, directory: Path, logger: logging.Logger) -> None:
        """Open the log below ``directory``, creating it; what is passed over is said to ``logger``."""
        self._directory = directory
        self._book = AnswerBook()
        reader = LabelReader(directory)
        self._load(reader, logger)
        self._log = AppendLog(reader.path)

    def answers(self, step: int) -> Mapping[int, Annotation]:
        """Return the acknowledged answers of a step by order."""
        return self._book.answers(step)

    def digest(self, step: int) -> str:
        """Return a SHA-256 over the answers of a step, in order."""
        return self._book.digest(step)

    def append(self, step: int, answers: Iterable[tuple[int, Annotation]]) -> None:
        """Make ``answers`` (order, annotation) durable together; returns when they are.

        Raises:
            StoreError: The disk refuses, or a value cannot be stored; none of ``answers`` is acknowledged then.
        """
        entries = [(order, annotation, *self._line(step, order, annotation)) for order, annotation in answers]
        self._log.append(b"".join(line for _, _, line, _ in entries))
        for order, annotation, line, body in entries:
            self._book.add(step, order, self._held(annotation, body), line)

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _load(self, reader: LabelReader, logger: logging.Logger) -> None:
        if reader.torn:
            logger.warning("%s: cut away %d bytes of a torn last line", reader.path, reader.torn)
            truncate(reader.path, reader.whole)
        for line in reader:
            if isinstance(line, DamagedLine):
                logger.warning("%s line %d passed over: %s", reader.path, line.number, line.why)
            else:
                self._book.add(line.step, line.order, line.annotation, line.data)

    def _line(self, step: int, order: int, annotation: Annotation) -> tuple[bytes, Mapping[str, Any]]:
        """Return the line of an answer and what it says; tensors that it does not hold itself are on disk by then."""
        tensors: dict[str, Tensor] = {}
        body: dict[str, Any] = {"step": step, "order": order, "answer": codec.encode(annotation, tensors)}
        if tensors:
            body |= self._stored(codec.tensors_to_bytes(tensors), f"{step}-{order}.safetensors")
        return rendered(body), body

    def _held(self, annotation: Annotation, body: Mapping[str, Any]) -> Annotation:
        """Return ``annotation`` as it is kept in memory: its tensors mapped, where they are large."""
        if "file" not in body or (path := self._directory / body["file"]).stat().st_size < MAPPED_BYTES:
            return annotation
        mapped: Annotation = codec.decode(body["answer"], codec.mapped_tensors(path))
        return mapped

    def _stored(self, data: bytes, name: str) -> dict[str, Any]:
        if len(data) <= INLINE_BYTES:
            return {"tensors": base64.b64encode(data).decode()}
        write_atomic(self._directory / name, data)
        return {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
