"""Lines of a label log, written one by one and read without changing anything."""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StoreError
from alrun.core.types import Annotation, LabelStatus
from alrun.store import codec
from alrun.store.reading import file_sha256, file_size, is_there, read_bytes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AnswerBook", "DamagedLine", "LabelLine", "LabelReader", "rendered"]

LABELS = "labels.jsonl"
MAPPED_BYTES = 1 << 20
#: Parts of a file's path that lie in the run directory: labels, file.
DEPTH = 2


@dataclass(frozen=True)
class LabelLine:
    """One line that holds.

    Attributes:
        number: Its number in the file, from 1.
        step: Step of the request.
        order: Place of the request within the step.
        annotation: The answer.
        data: The line itself.
        file: Name of the file of its tensors, where they have one.
    """

    number: int
    step: int
    order: int
    annotation: Annotation
    data: bytes
    file: str


@dataclass(frozen=True)
class DamagedLine:
    """One line that does not hold.

    Attributes:
        number: Its number in the file, from 1.
        why: What is wrong with it.
    """

    number: int
    why: str


class LabelReader:
    """Reads a label log from its first line to its last; damage is part of what it yields.

    Attributes:
        path: The file; it may be missing.
        whole: Bytes up to the end of the last whole line.
        torn: Bytes after that.
    """

    def __init__(self, directory: Path) -> None:
        """Read the log below ``directory``.

        Raises:
            StoreError: It is there and cannot be read.
        """
        self.path = directory / LABELS
        self._content = read_bytes(self.path, depth=DEPTH) if is_there(self.path) else b""
        self.whole = self._content.rfind(b"\n") + 1
        self.torn = len(self._content) - self.whole

    def __iter__(self) -> Iterator[LabelLine | DamagedLine]:
        """Yield the lines in order."""
        for number, line in enumerate(self._content[: self.whole].splitlines(keepends=True), start=1):
            try:
                yield self._read(number, line)
            except CorruptionError as error:
                yield DamagedLine(number, str(error))

    def _read(self, number: int, line: bytes) -> LabelLine:
        try:
            body = codec.parse_json(line)["body"]
            if rendered(body) != line:
                raise CorruptionError("the CRC-32 differs")
            annotation = codec.decode(body["answer"], self._tensors(body))
            step, order, file = body["step"], body["order"], body.get("file", "")
            if not (type(step) is type(order) is int and isinstance(file, str) and isinstance(annotation, Annotation)):
                raise CorruptionError("it is not an answer to a request")
            return LabelLine(number, step, order, annotation, line, file)
        except (ValueError, KeyError, TypeError, AttributeError, StoreError) as error:
            raise CorruptionError(str(error)) from error

    def _tensors(self, body: Mapping[str, Any]) -> dict[str, Tensor]:
        if "tensors" in body:
            return codec.tensors_from_bytes(base64.b64decode(body["tensors"], validate=True))
        if "file" not in body:
            return {}
        path = self.path.parent / Path(body["file"]).name
        if file_sha256(path, DEPTH) != body["sha256"]:
            raise CorruptionError(f"{path.name} is not what was written")
        is_small = file_size(path, DEPTH) < MAPPED_BYTES
        return codec.tensors_from_bytes(read_bytes(path, depth=DEPTH)) if is_small else codec.mapped_tensors(path)


class AnswerBook:
    """The answers that hold, by step and order, of several to one request the last; and what was paid for each request.

    A rejected answer was paid for and answers nothing. Order -1 stands for what nobody had asked for.

    Attributes:
        notes: Reasons of the lines that belong to no request.
    """

    def __init__(self) -> None:
        self._answers: dict[int, dict[int, Annotation]] = {}
        self._lines: dict[int, dict[int, bytes]] = {}
        self._costs: dict[int, dict[int, list[float]]] = {}
        self.notes: set[str] = set()

    def add(self, step: int, order: int, annotation: Annotation, line: bytes) -> None:
        """Add an answer and the line that says so."""
        self._costs.setdefault(step, {}).setdefault(order, []).append(_number(annotation.cost))
        if order < 0:
            self.notes.add(str(annotation.reason))
        if annotation.status is not LabelStatus.REJECTED:
            self._answers.setdefault(step, {})[order] = annotation
            self._lines.setdefault(step, {})[order] = line

    def answers(self, step: int) -> Mapping[int, Annotation]:
        """Return the answers of a step by order."""
        return self._answers.get(step, {})

    def line(self, step: int, order: int) -> bytes:
        """Return the line of an answer; empty where there is none."""
        return self._lines.get(step, {}).get(order, b"")

    def payments(self, step: int, order: int) -> int:
        """Return how many answers to a request there have been, rejected ones included."""
        return len(self._costs.get(step, {}).get(order, ()))

    def costs(self, step: int) -> dict[int, float]:
        """Return by order what the answers to each request of a step cost in all, rejected ones included."""
        return {order: math.fsum(costs) for order, costs in self._costs.get(step, {}).items()}

    def digest(self, step: int) -> str:
        """Return a SHA-256 over the answers of a step, in order."""
        lines = self._lines.get(step, {})
        return hashlib.sha256(b"".join(lines[order] for order in sorted(lines))).hexdigest()

    @property
    def steps(self) -> list[int]:
        """Steps that have an answer, ascending."""
        return sorted(self._answers)

    @property
    def steps_paid(self) -> list[int]:
        """Steps that have an answer or a rejected one, ascending."""
        return sorted(self._costs)


def _number(cost: Any) -> float:
    """Return a cost as the log has it; what is not a number costs nothing."""
    try:
        return float(cost)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def rendered(body: Mapping[str, Any]) -> bytes:
    """Return the line that says ``body``."""
    data = codec.compact_json(body)
    return b'{"crc":%d,"body":%s}\n' % (zlib.crc32(data), data)
