"""Queue for the answers of a label strategy: valid answers are made durable, invalid ones named and charged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

from alrun.core.errors import AlrunError, RunDirectoryLost, StoreError, StrategyError
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.annotations import as_cost, as_text, plain_annotation
from alrun.driver.open_requests import UNASKED, OpenRequests, Stranger

__all__ = ["DurableQueue", "Intake", "PassedThrough"]


class PassedThrough(StrategyError):
    """Answers that came together are the requests themselves."""


class Intake:
    """Judges answers and makes them durable, for a ``DurableQueue``; this one takes everything."""

    def __init__(self, append: Callable[[Sequence[tuple[int, Annotation]]], None]) -> None:
        """Hand the (order, annotation) pairs of a call to ``append``."""
        self._append = append

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Raise ``AlrunError`` where one of ``annotations`` cannot be used; ``PassedThrough``: none of them."""

    def append(self, answers: Sequence[tuple[int, Annotation]]) -> None:
        """Make (order, annotation) pairs durable together; rejected ones are among them."""
        self._append(answers)

    def keep_late(self, answers: Sequence[tuple[int, Annotation]]) -> None:
        """Make answers durable that came after a call had failed."""
        self._append(answers)

    def refuse_late(self, count: int) -> None:
        """Note that ``count`` answers came when their requests had been given up."""

    def undisturbed(self) -> AbstractContextManager[None]:
        """Return a context in which answers that were handed over are not lost to an interruption."""
        return nullcontext()


@dataclass(frozen=True)
class _Bad:
    """An answer that is none: the request it was for, why, and what it was."""

    order: int
    why: str
    cause: Exception
    answer: Any


_Judged = tuple[int, Annotation] | _Bad


class DurableQueue:
    """The queue that label strategies answer into: an answer is on disk before ``put`` returns.

    Answers are not kept here: ``get`` finds none. A bad one costs itself alone: the sound ones of the same call are
    made durable first, then an error names the bad one, which is charged as what it says it cost, and whose request
    stays open. The error is raised again at the end of the call, whoever has caught it.

    Answers may come from any thread until the queue is closed, and are still made durable after a call that failed.
    """

    def __init__(
        self,
        requests: OpenRequests,
        intake: Intake,
        wrap: Callable[[Any, Any], Annotation],
        author: str = "the label strategy",
    ) -> None:
        """Take answers to ``requests``.

        Args:
            requests: The open requests.
            intake: Judges answers and makes them durable.
            wrap: Makes an annotation of a request and a bare answer.
            author: Who answers, for error messages.
        """
        self._requests = requests
        self._intake = intake
        self._wrap = wrap
        self._author = author
        self._lock = RLock()
        self._is_closed = False
        self._is_done = False
        self._failure: BaseException | None = None

    @property
    def open_requests(self) -> list[tuple[int, Any]]:
        """Requests that have no answer yet."""
        return self._requests.items

    def put(self, item: Any) -> None:
        """Make one answer durable."""
        self.put_many([item])

    def put_many(self, items: Iterable[Any]) -> None:
        """Make several answers durable together; those of an iterator one by one, as it makes them.

        Raises:
            StrategyError: An answer to something that was not asked, or was answered already, or that cannot be used,
                or that comes too late. The others are durable, also those that an iterator makes after it.
        """
        if not isinstance(items, Sized):
            self._take_each(items)
            return
        together: list[Any] = []
        try:
            together.extend(items)
        finally:
            if together:
                self._take(together, not self._requests.any_spoiled)

    def _take_each(self, items: Iterable[Any]) -> None:
        """Take the answers of an iterator; one that makes more bad answers than there are requests is left."""
        errors: list[StrategyError] = []
        in_order = not self._requests.any_spoiled
        for item in items:
            try:
                self._take([item], in_order)
            except StrategyError as error:
                errors.append(error)
                if len(errors) > self._requests.count:
                    break
        if errors:
            raise errors[0]

    def get(self) -> Any:
        """Raise ``IndexError``: answers are in the label log."""
        raise IndexError("answers are stored in the label log, not in the queue")

    def empty(self) -> bool:
        """Return ``True``: answers are handed on as they come."""
        return True

    def finish(self, answer: Callable[[Any], Annotation]) -> None:
        """Give every request that is open the answer of ``answer``, and close.

        Raises:
            AlrunError: An answer could not be taken; the open requests stay as they are.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self.put_many([answer(item) for _, item in self.open_requests])
            self._is_done = True
            self.close()

    def close(self) -> None:
        """Take no more answers."""
        with self._lock:
            self._is_closed = True

    def _take(self, answers: Sequence[Any], in_order: bool) -> None:
        with self._intake.undisturbed(), self._lock:
            try:
                if self._is_done:
                    self._intake.refuse_late(len(answers))
                    raise StrategyError(f"{self._author} answered after its call had ended")
                self._sort(answers, in_order)
            except BaseException as error:
                self._failure = self._failure or error
                raise

    def _sort(self, answers: Sequence[Any], in_order: bool) -> None:
        """Make durable what is sound, charge what is bad, and raise for the first of that."""
        judged = self._together(answers, in_order) or self._each(answers, in_order)
        bad = [one for one in judged if isinstance(one, _Bad)]
        self._write([self._charged(one) if isinstance(one, _Bad) else one for one in judged])
        if bad:
            raise self._error(bad, len(judged) - len(bad)) from bad[0].cause
        if self._is_closed:
            raise StrategyError(f"{self._author} answered after its call had ended; the answer is kept")

    def _together(self, answers: Sequence[Any], in_order: bool) -> Sequence[_Judged]:
        """Return the answers with their requests, if they stand or fall together; otherwise nothing is noted."""
        read = [self._read(answer, in_order) for answer in answers]
        sound = [one for one in read if not isinstance(one, _Bad)]
        try:
            if len(sound) == len(read):
                self._intake.check([annotation for _, annotation in sound])
                return sound
        except PassedThrough as error:
            self._requests.reopen(_answered(sound))
            for order, _ in sound:
                self._requests.spoil(order)
            return [_Bad(order, str(error), error, annotation) for order, annotation in sound]
        except Exception:  # noqa: S110 - they are judged one by one then
            pass
        self._requests.reopen(_answered(sound))
        return ()

    def _each(self, answers: Sequence[Any], in_order: bool) -> Sequence[_Judged]:
        """Return the answers with their requests, judged one by one."""
        judged: list[_Judged] = []
        for answer in answers:
            one = self._read(answer, in_order)
            if not isinstance(one, _Bad):
                try:
                    self._intake.check([one[1]])
                except Exception as error:
                    self._requests.reopen(_answered([one]))
                    one = _Bad(one[0], _unusable(error), error, one[1])
            if isinstance(one, _Bad):
                self._requests.spoil(one.order)
            judged.append(one)
        return judged

    def _read(self, answer: Any, in_order: bool) -> _Judged:
        """Return the request of an answer with what is said of it; a request that is answered by it is closed."""
        order = UNASKED
        try:
            order = self._requests.match(answer, in_order=in_order)
            request = self._requests.item(order)
            bare = not isinstance(answer, Annotation)
            plain = plain_annotation(self._wrap(request, answer) if bare else answer)
            if plain.status is LabelStatus.REJECTED:
                return order, replace(plain, item=None, target=None)
        except Stranger as error:
            return _Bad(error.order, str(error), error, answer)
        except Exception as error:
            return _Bad(order, _unusable(error), error, answer)
        self._requests.answer(order)
        return order, replace(plain, item=request)

    def _write(self, lines: Sequence[tuple[int, Annotation]]) -> None:
        if not lines:
            return
        try:
            (self._intake.keep_late if self._is_closed else self._intake.append)(lines)
        except RunDirectoryLost:
            raise  # the answers are kept elsewhere
        except StoreError:
            self._requests.reopen(_answered(lines))
            raise

    def _charged(self, bad: _Bad) -> tuple[int, Annotation]:
        """Return what is written down of an answer that is none; where it does not say its cost, that is 1."""
        given = bad.answer if isinstance(bad.answer, Annotation) else Annotation(None)
        cost, by = as_cost(given.cost), given.annotator
        reason = as_text(f"{self._author} {bad.why}")
        annotator = as_text(by) if isinstance(by, str) and by else self._author
        return bad.order, Annotation(None, None, annotator, 1.0 if cost is None else cost, LabelStatus.REJECTED, reason)

    def _error(self, bad: Sequence[_Bad], sound: int) -> StrategyError:
        first = bad[0]
        which = f" ({self._requests.told(first.order)})" if first.order != UNASKED else ""
        still = "; the request stays open" if self._requests.is_open(first.order) else ""
        more = f"; {len(bad) - 1} more of its answers are invalid, see alrun.log" if len(bad) > 1 else ""
        kept = f"{sound} valid answers of the same call are kept" if sound else "all valid answers are kept"
        hint = "fix the label strategy and type the same command again: only open requests are asked again"
        return StrategyError(f"{self._author} {first.why}{which}{still}{more}\n    → {kept}; {hint}")


def _answered(lines: Iterable[tuple[int, Annotation]]) -> list[int]:
    return [order for order, one in lines if order != UNASKED and one.status is not LabelStatus.REJECTED]


def _unusable(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else ""
    why = said if isinstance(error, AlrunError) else f"{type(error).__name__}: {said}"
    return f"gave an answer that cannot be used: {why}"
