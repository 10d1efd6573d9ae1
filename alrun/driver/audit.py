"""Audit of the commits of a run: invariants of the ledger, checked without learner, data or strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alrun.core.phases import ActiveLearningPhase
from alrun.core.request import Request, restored_key
from alrun.core.types import LabelStatus
from alrun.store.audit import Chain, Finding, Labels, place
from alrun.store.ledger import Ledger

__all__ = ["LedgerAudit"]

QUERY, LABELING = ActiveLearningPhase.QUERY, ActiveLearningPhase.LABELING
BUG = "please report this: alrun never writes such a run"


class LedgerAudit:
    """Goes through the commits in order, as a resumed run would.

    Attributes:
        findings: What does not hold.
        ledger: The ledger that the commits and the label log amount to.
        bought: Labels that have been integrated.
        is_whole: Whether all commits and all answers are there, so that the ledger is what it should be.
    """

    def __init__(self, chain: Chain, labels: Labels, *, reset: str = "", by_row: bool = True) -> None:
        """Examine ``chain`` and ``labels``.

        Args:
            chain: The commits.
            labels: The answers.
            reset: How training starts, as the records have it.
            by_row: Whether the pools keep account of rows, so that none can be labeled twice.
        """
        self.ledger = Ledger(reset)
        self.bought = 0
        self.findings: list[Finding] = []
        self._labels = labels
        self._by_row = by_row
        self._requests: dict[int, Mapping[str, Any]] = {}
        self._pending: set[Any] = set()
        self._labelled: set[Any] = set()
        self.is_whole = chain.is_whole
        for commit in chain.commits:
            for finding in self._phase(commit.step, commit.phase, commit.state()):
                self.findings.append(finding)
            self.ledger.set_labels(self.bought)
        under_way = self._under_way(chain)
        if chain.is_whole:
            self.findings += self._unasked(under_way)
        self.findings += self._damaged_lines(under_way)

    def _phase(self, step: int, phase: str, state: Mapping[str, Any]) -> Iterator[Finding]:
        if phase == ActiveLearningPhase.TRAINING:
            self.ledger.add_logged(step, state.get("logged", {}))
        elif phase == ActiveLearningPhase.METROLOGY:
            for name, records in state["records"]:
                self.ledger.add_records(step, name, records)
        elif phase == QUERY:
            yield from self._query(step, state)
        elif phase == LABELING:
            yield from self._labeling(step, state)
        else:
            yield from self._integration(step, state)

    def _query(self, step: int, state: Mapping[str, Any]) -> Iterator[Finding]:
        self._requests[step] = state
        self.ledger.add_requests(step, state)
        counts = {len(state[name]) for name in ("items", "strategies", "scores")}
        if len(counts) != 1:
            yield Finding(place(step, QUERY), f"items, strategies, scores differ in length: {sorted(counts)}", BUG)
        requests = self.ledger.requests(step)
        for order, key in enumerate(self._keys(requests)):
            if key is not None and (key in self._labelled or key in self._pending):
                had = "has a label already" if key in self._labelled else "is asked for twice"
                yield Finding(place(step, QUERY), f"request {order} ({requests[order].name}) {had}", BUG)
            self._pending |= {key} - {None}

    def _keys(self, requests: Sequence[Request]) -> list[Any]:
        """Return what a request is for; ``None`` where it may be made again: a point, or data without account."""
        return [request.key if self._by_row else None for request in requests]

    def _labeling(self, step: int, state: Mapping[str, Any]) -> Iterator[Finding]:
        items = self._requests[step]["items"]
        answers = self._labels.book.answers(step)
        self.ledger.add_answers(step, answers, self._labels.book.costs(step))
        asked = len(items) if state["answers"] else 0
        if state["answers"] not in (0, len(items)):
            yield Finding(place(step, LABELING), f"{state['answers']} answers to {len(items)} requests", BUG)
        lost = [order for order in range(asked) if order not in answers]
        if lost:
            self.is_whole = False
            what = f"the label log no longer holds {len(lost)} of its {asked} answers: {_listed(lost)}"
            yield Finding(place(step, LABELING), what, f"asked for again; the other {asked - len(lost)} are kept")
        elif state["digest"] != self._labels.book.digest(step):
            self.is_whole = False
            what = "the answers in the label log differ from the committed ones"
            yield Finding(place(step, LABELING), what, "the phase is committed again with the answers in the log")
        yield from self._strangers(step)

    def _strangers(self, step: int) -> Iterator[Finding]:
        """Yield answers that belong to no request."""
        requests = self.ledger.requests(step)
        for order, answer in sorted(self._labels.book.answers(step).items()):
            key = restored_key(answer.item)
            if not 0 <= order < len(requests) or (key is not None and key != restored_key(requests[order].item)):
                what = f"answer {order} of the label log belongs to no request"
                yield Finding(place(step, LABELING), what, BUG)

    def _integration(self, step: int, state: Mapping[str, Any]) -> Iterator[Finding]:
        answers = self._labels.book.answers(step)
        labelled = [order for order, answer in answers.items() if answer.status is LabelStatus.LABELLED]
        if len(labelled) != state["labelled"] and self.is_whole:
            what = f"{state['labelled']} labels were integrated, the label log has {len(labelled)}"
            yield Finding(place(step, ActiveLearningPhase.DATA_INTEGRATION), what, BUG)
        self.bought += state["labelled"]
        requests = self.ledger.requests(step)
        bought = [requests[order] for order in labelled if 0 <= order < len(requests)]
        self._labelled |= set(self._keys(bought)) - {None}
        self._pending.clear()

    def _under_way(self, chain: Chain) -> int | None:
        """Return the step whose labels are being asked for, if that is where the run stands."""
        last = chain.commits[-1] if chain.commits else None
        return last.step if last is not None and last.phase == QUERY else None

    def _unasked(self, under_way: int | None) -> Iterator[Finding]:
        """Yield answers of steps that nobody asked in, and strangers among those of the step that is under way."""
        for step in self._labels.book.steps:
            if step not in self._requests:
                what = "the label log has answers, but no query is committed"
                yield Finding(place(step, QUERY), what, "run again; answers to the same requests count")
        if under_way is not None:
            yield from self._strangers(under_way)

    def _damaged_lines(self, under_way: int | None) -> Iterator[Finding]:
        """Yield lines that do not hold. Where every answer is there all the same, they were given again."""
        whole = self.is_whole
        if under_way is not None:
            whole &= len(self._labels.book.answers(under_way)) == len(self._requests[under_way]["items"])
        for line in self._labels.damaged:
            remedy = "its answer was given again since" if whole else "its label is asked for again"
            yield Finding(f"label log line {line.number}", line.why, remedy, harmless=whole)


def _listed(orders: Sequence[int]) -> str:
    shown = ", ".join(map(str, orders[:5]))
    return f"{shown} …" if len(orders) > 5 else shown
