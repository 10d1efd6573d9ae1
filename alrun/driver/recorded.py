"""Requests that an earlier run has paid for: what they are known by, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.requests import is_pair
from alrun.core.types import Annotation, LabelStatus

if TYPE_CHECKING:
    from alrun.driver.experiment import Experiment
    from alrun.driver.state import State

__all__ = ["recorded_answers", "subject"]


def subject(item: Any, uuid: str | None = None) -> Any:
    """Return what a label is known by: the datum's uuid where one is given, else the row; with the task of a pair."""
    row = item[0] if is_pair(item) else item
    known = row if uuid is None else ("uuid", uuid)
    return (known, str(item[1])) if is_pair(item) else known


def recorded_answers(
    experiment: Experiment, state: State, requests: Sequence[tuple[int, Any]]
) -> dict[int, Annotation]:
    """Return by order the answers to those of ``requests`` whose labels the run has on record, as they were given."""
    recorded = experiment.store.recorded
    if not len(recorded) or not requests:
        return {}
    step = state.step
    while recorded.steps_counted < step:
        recorded.count(_subjects(experiment, _labelled(experiment, recorded.steps_counted)))
    items = dict(requests)
    known = zip(items, _subjects(experiment, list(items.values())), strict=True)
    found = recorded.answers(known, _subjects(experiment, _labelled(experiment, step)))
    return {order: replace(answer, item=items[order]) for order, answer in found.items()}


def _labelled(experiment: Experiment, step: int) -> list[Any]:
    answers = experiment.store.labels.answers(step).values()
    return [answer.item for answer in answers if answer.status is LabelStatus.LABELLED]


def _subjects(experiment: Experiment, items: Sequence[Any]) -> list[list[Any]]:
    """Return what each item may be known by: as it is, and by the uuid of its datum."""
    rows = [item[0] if is_pair(item) else item for item in items]
    named = getattr(experiment.pools.unlabeled, "uuids", None)
    uuids = named(rows) if named is not None and rows else [None] * len(rows)
    return [
        [subject(item)] + ([] if uuid is None else [subject(item, uuid)])
        for item, uuid in zip(items, uuids, strict=True)
    ]
