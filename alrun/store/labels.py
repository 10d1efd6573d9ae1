"""Label log: every answer is on disk before it is acknowledged.

``labels/labels.jsonl`` has one line per answer, with a CRC-32. A line that a crash tore off at the end is cut away when
the log is opened (under the run's lock); a damaged line elsewhere is logged and ignored, and its request is asked
again. Tensors of more than a few kilobytes go to a file of their own, written before the line that names it; those of
a megabyte and more are kept in memory as maps of that file alone, so that labels as large as the memory can be held.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.types import Annotation, LabelStatus
from alrun.store import codec
from alrun.store.append_log import AppendLog
from alrun.store.files import truncate, write_atomic
from alrun.store.label_lines import MAPPED_BYTES, AnswerBook, DamagedLine, LabelLine, LabelReader, rendered

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LabelLog"]

INLINE_BYTES = 4096
#: Step, order and answer.
Entry = tuple[int, int, Annotation]
#: Reason of what was paid for a request beyond its answer, where the single payments are no longer told apart.
ATTEMPTS = "attempts and answers that were rejected"


class LabelLog:
    """Append-only log of answers, keyed by step and by the request's order within the step."""

    def __init__(self, directory: Path, logger: logging.Logger, check: Callable[[], None] | None = None) -> None:
        """Open the log below ``directory``, creating it.

        Args:
            directory: Where it lies.
            logger: Logs what is ignored.
            check: Called before anything is written; raises where the log is not to be written to any more.
        """
        self._directory = directory
        self._check = check
        self._book = AnswerBook()
        self._in_hand: Sequence[Entry] = ()
        reader = LabelReader(directory)
        self._load(reader, logger)
        self._log = AppendLog(reader.path)

    def answers(self, step: int) -> Mapping[int, Annotation]:
        """Return the acknowledged answers of a step by order."""
        return self._book.answers(step)

    def costs(self, step: int) -> Mapping[int, float]:
        """Return by order what was paid for each request of a step in all; order -1 is for what nobody asked."""
        return self._book.costs(step)

    def digest(self, step: int) -> str:
        """Return a SHA-256 over the answers of a step, in order."""
        return self._book.digest(step)

    @property
    def is_named(self) -> bool:
        """Whether the log still lies where it was opened."""
        return self._log.is_named

    @property
    def is_open(self) -> bool:
        """Whether the log has not been closed yet."""
        return self._log.is_open

    @property
    def in_hand(self) -> Sequence[Entry]:
        """Answers that were to be written when ``check`` raised."""
        return self._in_hand

    @property
    def entries(self) -> Iterator[Entry]:
        """The acknowledged answers, and as rejected ones what was paid for the same requests beyond them."""
        for step in self._book.steps_paid:
            answers = self._book.answers(step)
            for order, cost in sorted(self._book.costs(step).items()):
                answer = answers.get(order)
                beyond = cost - answer.cost if answer is not None else cost
                if beyond:
                    yield step, order, Annotation(None, cost=beyond, status=LabelStatus.REJECTED, reason=ATTEMPTS)
                if answer is not None:
                    yield step, order, answer

    def holds(self, line: LabelLine) -> bool:
        """Return whether the log says already what ``line`` says."""
        if line.annotation.reason == ATTEMPTS:
            return self._book.payments(line.step, line.order) > 0
        return self._book.line(line.step, line.order) == line.data

    @property
    def notes(self) -> Set[str]:
        """Reasons of the lines that belong to no request."""
        return self._book.notes

    @staticmethod
    def check_storable(annotation: Annotation) -> None:
        """Raise ``StoreError`` where ``annotation`` holds something that cannot be stored."""
        codec.compact_json(codec.encode(annotation, {}))

    def append(self, step: int, answers: Iterable[tuple[int, Annotation]]) -> None:
        """Make ``answers`` (order, annotation) durable together; returns when they are.

        Raises:
            RunDirectoryLost: The log has been removed or replaced; ``answers`` are kept where the error says.
            StoreError: The disk refuses, or a value cannot be stored; none of ``answers`` is acknowledged then.
        """
        self.extend([(step, order, annotation) for order, annotation in answers])

    def extend(self, entries: Sequence[Entry]) -> None:
        """Make answers (step, order, annotation) durable together, as ``append`` does."""
        if self._check is not None:
            self._in_hand = entries
            self._check()
            self._in_hand = ()
        lines = [self._line(*entry, place) for entry, place in zip(entries, self._places(entries), strict=True)]
        self._log.append(b"".join(line for line, _ in lines))
        for (step, order, annotation), (line, body) in zip(entries, lines, strict=True):
            self._book.add(step, order, self._held(annotation, body), line)

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _load(self, reader: LabelReader, logger: logging.Logger) -> None:
        if reader.torn:
            logger.warning("%s: cut off %d bytes of an incomplete last line", reader.path, reader.torn)
            truncate(reader.path, reader.whole)
        for line in reader:
            if isinstance(line, DamagedLine):
                logger.warning("%s line %d ignored: %s", reader.path, line.number, line.why)
            else:
                self._book.add(line.step, line.order, line.annotation, line.data)

    def _places(self, entries: Sequence[Entry]) -> Iterator[str]:
        """Yield what files are called that belong to answers: a second one to a request has a file of its own."""
        new: Counter[tuple[int, int]] = Counter()
        for step, order, _ in entries:
            number = self._book.payments(step, order) + new[step, order]
            new[step, order] += 1
            yield f"{step}-{order}-{number}" if number else f"{step}-{order}"

    def _line(self, step: int, order: int, annotation: Annotation, place: str) -> tuple[bytes, Mapping[str, Any]]:
        """Return the line of an answer and what it says; tensors that it does not hold itself are on disk by then."""
        tensors: dict[str, Tensor] = {}
        body: dict[str, Any] = {"step": step, "order": order, "answer": codec.encode(annotation, tensors)}
        if tensors:
            body |= self._stored(codec.tensors_to_bytes(tensors), f"{place}.safetensors")
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
