"""The label log: every answer as it arrives, on disk before it is acknowledged.

``labels/labels.jsonl`` has one line an answer, with a CRC-32. A line that a crash tore off at the end is cut away when
the log is opened (under the run's lock); a damaged line elsewhere is passed over and said, and its request is asked
again. Tensors of more than a few kilobytes go to a file of their own, written before the line that names it; those of
a megabyte and more are kept in memory as maps of that file alone, so that labels as large as the memory can be held.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StoreError
from alrun.core.types import Annotation
from alrun.store import codec
from alrun.store.files import AppendLog, file_sha256, read_bytes, truncate, write_atomic

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LabelLog"]

LABELS = "labels.jsonl"
INLINE_BYTES = 4096
MAPPED_BYTES = 1 << 20


class LabelLog:
    """Append-only log of answers, keyed by step and by the request's order within the step."""

    def __init__(self, directory: Path, logger: logging.Logger) -> None:
        """Open the log below ``directory``, creating it; what is passed over is said to ``logger``."""
        self._directory = directory
        self._logger = logger
        self._answers: dict[int, dict[int, Annotation]] = {}
        self._lines: dict[int, dict[int, bytes]] = {}
        path = directory / LABELS
        if path.exists():
            self._load(path)
        self._log = AppendLog(path)

    def answers(self, step: int) -> Mapping[int, Annotation]:
        """Return the acknowledged answers of a step by order."""
        return self._answers.get(step, {})

    def digest(self, step: int) -> str:
        """Return a SHA-256 over the answers of a step, in order."""
        lines = self._lines.get(step, {})
        return hashlib.sha256(b"".join(lines[order] for order in sorted(lines))).hexdigest()

    def append(self, step: int, answers: Iterable[tuple[int, Annotation]]) -> None:
        """Make ``answers`` (order, annotation) durable together; returns when they are.

        Raises:
            StoreError: The disk refuses, or a value cannot be stored; none of ``answers`` is acknowledged then.
        """
        entries = [(order, annotation, *self._line(step, order, annotation)) for order, annotation in answers]
        self._log.append(b"".join(line for _, _, line, _ in entries))
        for order, annotation, line, body in entries:
            self._remember(step, order, self._held(annotation, body), line)

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _remember(self, step: int, order: int, annotation: Annotation, line: bytes) -> None:
        self._answers.setdefault(step, {})[order] = annotation
        self._lines.setdefault(step, {})[order] = line

    def _line(self, step: int, order: int, annotation: Annotation) -> tuple[bytes, Mapping[str, Any]]:
        """Return the line of an answer and what it says; tensors that it does not hold itself are on disk by then."""
        tensors: dict[str, Tensor] = {}
        body: dict[str, Any] = {"step": step, "order": order, "answer": codec.encode(annotation, tensors)}
        if tensors:
            body |= self._stored(codec.tensors_to_bytes(tensors), f"{step}-{order}.safetensors")
        return _rendered(body), body

    def _held(self, annotation: Annotation, body: Mapping[str, Any]) -> Annotation:
        """Return ``annotation`` as it is kept in memory: its tensors mapped, where they are large."""
        path = self._file(body)
        if path is None or path.stat().st_size < MAPPED_BYTES:
            return annotation
        mapped: Annotation = codec.decode(body["answer"], codec.mapped_tensors(path))
        return mapped

    def _file(self, body: Mapping[str, Any]) -> Path | None:
        return self._directory / Path(body["file"]).name if "file" in body else None

    def _stored(self, data: bytes, name: str) -> dict[str, Any]:
        if len(data) <= INLINE_BYTES:
            return {"tensors": base64.b64encode(data).decode()}
        write_atomic(self._directory / name, data)
        return {"file": name, "sha256": hashlib.sha256(data).hexdigest()}

    def _load(self, path: Path) -> None:
        content = read_bytes(path)
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._logger.warning("%s: cut away %d bytes of a torn last line", path, len(content) - whole)
            truncate(path, whole)
        for number, line in enumerate(content[:whole].splitlines(keepends=True), start=1):
            try:
                self._read_line(line)
            except CorruptionError as error:
                self._logger.warning("%s line %d passed over: %s", path, number, error)

    def _read_line(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            body = record["body"]
            if _rendered(body) != line:
                raise CorruptionError("the CRC-32 differs")
            annotation = codec.decode(body["answer"], self._tensors(body))
            self._remember(body["step"], body["order"], annotation, line)
        except (ValueError, KeyError, TypeError, StoreError) as error:
            raise CorruptionError(str(error)) from error

    def _tensors(self, body: Mapping[str, Any]) -> dict[str, Tensor]:
        if "tensors" in body:
            return codec.tensors_from_bytes(base64.b64decode(body["tensors"], validate=True))
        path = self._file(body)
        if path is None:
            return {}
        if file_sha256(path) != body["sha256"]:
            raise CorruptionError(f"{path.name} is not what was written")
        return (
            codec.tensors_from_bytes(read_bytes(path))
            if path.stat().st_size < MAPPED_BYTES
            else codec.mapped_tensors(path)
        )


def _rendered(body: Mapping[str, Any]) -> bytes:
    data = codec.canonical_json(body)
    return b'{"crc":%d,"body":%s}\n' % (zlib.crc32(data), data)
