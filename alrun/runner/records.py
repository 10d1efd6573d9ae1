"""Labels that a run has bought, collected for a rerun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alrun.core.errors import Problem, StoreError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.request import restored
from alrun.core.showing import typed
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.recorded import subject
from alrun.store.audit import Labels, read_chain, read_labels
from alrun.store.label_lines import LabelLine, LabelReader
from alrun.store.recorded import recorded_digest, subject_key
from alrun.store.recorded_picks import RecordedPicks
from alrun.store.rundir import RunDirectory

__all__ = ["Bought", "rerun_problems"]


@dataclass(frozen=True)
class Bought:
    """Labels by what they are of.

    Attributes:
        labels: Each with its subject for an item.
        damaged: Lines of the label log that do not hold.
        unnamed: Labels that are known by a row number alone, and were to be known by a uuid.
    """

    labels: list[Annotation]
    damaged: int
    unnamed: int

    @classmethod
    def of(cls, directory: RunDirectory, *, by_uuid: bool) -> Bought:
        """Return what the run in ``directory`` has bought, and what it had on record itself.

        Args:
            directory: The run.
            by_uuid: Whether rows go by the uuids of their data, as row numbers no longer mean the same.

        Raises:
            StoreError: The label log cannot be read.
        """
        found = read_labels(directory)
        uuids = dict(_uuids(directory)) if by_uuid else {}
        bought = [
            replace(one, item=subject(restored([one.item])[0], uuids.get(place))) for place, one in _labelled(found)
        ]
        every = [*bought, *_earlier(directory, bought, by_uuid=by_uuid)]
        lasting = [label for label in every if not (by_uuid and _is_row(label.item))]
        return cls(lasting, len(found.damaged), len(every) - len(lasting))


def _is_row(known: Any) -> bool:
    """Return whether a label is known by a row number."""
    return isinstance(known[0] if isinstance(known, tuple) else known, int)


def _labelled(found: Labels) -> Iterator[tuple[tuple[int, int], Annotation]]:
    for step in found.book.steps:
        costs = found.book.costs(step)
        for order, annotation in sorted(found.book.answers(step).items()):
            if annotation.status is LabelStatus.LABELLED:
                yield (step, order), replace(annotation, cost=costs.get(order, annotation.cost))


def _uuids(directory: RunDirectory) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the uuid of each request whose datum has one of its own."""
    for commit in read_chain(directory).commits:
        if commit.phase == ActiveLearningPhase.QUERY:
            state = commit.state()
            for order, request in enumerate(restored(state["items"], state.get("uuids", ()))):
                if request.uuid is not None and request.uuid != str(request.row):
                    yield (commit.step, order), request.uuid


def _earlier(directory: RunDirectory, bought: Sequence[Annotation], *, by_uuid: bool) -> Iterator[Annotation]:
    """Yield the labels that the run had on record, and has not come to ask for."""
    given = Counter(subject_key(label.item) for label in bought)
    for label in _on_record(directory, by_uuid=by_uuid):
        key = subject_key(label.item)
        if not given[key]:
            yield label
        given[key] -= 1


def _on_record(directory: RunDirectory, *, by_uuid: bool) -> Iterable[Annotation]:
    """Return what the run has on record; where that is damaged, what it was copied from, as far as that is there."""
    info = directory.info()
    if any(rerun_problems(directory, info)):
        origin = _origin(directory, info)
        if origin.exists:
            return Bought.of(origin, by_uuid=by_uuid).labels
    return (line.annotation for line in LabelReader(directory.recorded) if isinstance(line, LabelLine))


def _picks_digest(directory: RunDirectory) -> str:
    try:
        picks = RecordedPicks.read(directory.recorded)
    except StoreError as error:
        return str(error)
    return picks.digest if picks is not None else ""


def _origin(directory: RunDirectory, info: Mapping[str, Any]) -> RunDirectory:
    """Return the run beside this one from which it was begun anew."""
    return RunDirectory(directory.path.parent / Path(str(info["rerun"].get("origin"))).name)


def rerun_problems(directory: RunDirectory, info: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why a rerun cannot go on: the labels that it has on record are not those that were put there."""
    rerun = info.get("rerun")
    if not isinstance(rerun, Mapping):
        return
    if "picks" in rerun and _picks_digest(directory) != rerun["picks"]:
        what = "the recorded picks are not what was copied"
        again = f"alrun replay {typed(_origin(directory, info).path)}"
        hint = f"move {typed(directory.path)} away, and type the same {again} again"
        yield Problem(what, str(directory.recorded), hint)
    try:
        found = recorded_digest(directory.recorded)
    except StoreError as error:
        found = str(error)
    if found != rerun.get("sha256"):
        what = "the recorded labels are not what was copied; what is lost of them would be bought again"
        hint = f"alrun rerun {typed(directory.path)} takes them from {_origin(directory, info).path} again"
        yield Problem(what, str(directory.recorded), hint)
