"""Labels that an earlier run has paid for, matched to requests by uuid or row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.request import Request
from alrun.core.types import Annotation, LabelStatus

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["recorded_answers", "subject"]


def subject(request: Request, uuid: str | None = None) -> Any:
    """Return what a label is known by: the datum's uuid where one is given, else the row; with the task, if any."""
    plain = request.item if request.row is None else request.row
    known = plain if uuid is None else ("uuid", uuid)
    return known if request.task is None else (known, request.task)


def recorded_answers(experiment: ExperimentContext, state: State, orders: Sequence[int]) -> dict[int, Annotation]:
    """Return by order the answers to those requests whose labels the run has on record, as they were given."""
    recorded = experiment.store.recorded
    if not len(recorded) or not orders:
        return {}
    while recorded.steps_counted < state.step:
        recorded.count(_labeled(experiment, recorded.steps_counted))
    requests = experiment.ledger.requests(state.step)
    known = {order: _subjects(requests[order]) for order in orders}
    found = recorded.answers(known.items(), _labeled(experiment, state.step))
    return {order: replace(answer, item=requests[order].item) for order, answer in found.items()}


def _labeled(experiment: ExperimentContext, step: int) -> list[list[Any]]:
    """Return what each label of a step is known by."""
    answers, requests = experiment.store.labels.answers(step), experiment.ledger.requests(step)
    return [_subjects(requests[order]) for order, one in answers.items() if one.status is LabelStatus.LABELLED]


def _subjects(request: Request) -> list[Any]:
    """Return what a request may be known by: as it is, and by the uuid of its datum."""
    return [subject(request)] + ([] if request.uuid is None else [subject(request, request.uuid)])
