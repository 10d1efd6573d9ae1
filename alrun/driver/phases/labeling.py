"""Labeling: the queried samples are labeled, and each answer is made durable as it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StrategyError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.durable_queue import DurableQueue
from alrun.driver.guards.calls import calling
from alrun.driver.intake import LabelIntake, Requests, tell_label
from alrun.driver.open_requests import OpenRequests
from alrun.driver.phases.base import PhaseResult
from alrun.driver.recorded import recorded_answers

if TYPE_CHECKING:
    from alrun.core.request import Request
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["LabelingPhase"]


class LabelingPhase:
    """Asks the label strategy for what neither the label log nor an earlier run has on record."""

    tag = ActiveLearningPhase.LABELING

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Ask; requests that come back unanswered are noted as skipped."""
        step = state.step
        requests = experiment.ledger.requests(step)
        if not experiment.strategies.label:
            return PhaseResult({"answers": 0, "digest": experiment.store.labels.digest(step)})
        experiment.store.check()
        known = experiment.store.labels.answers(step)
        if len(known) == len(requests) and not _any_labelled(known):
            # The run was ended for it: whoever starts it again wants them asked again.
            known = {}
        for order, annotation in known.items():
            tell_label(experiment, state, order, annotation, again=True)
        unknown = [order for order in range(len(requests)) if order not in known]
        known = {**known, **_recalled(experiment, state, unknown, len(requests))}
        if len(known) < len(requests):
            _ask(experiment, state, requests, known)
        _refuse_all_failed(experiment.store.labels.answers(step), step)
        self._collect(experiment, state)
        return PhaseResult({"answers": len(requests), "digest": experiment.store.labels.digest(step)})

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Take the answers from the label log; asks again for what the log no longer holds."""
        if experiment.store.labels.digest(commit.step) != commit.state()["digest"]:
            raise CorruptionError(f"the label log no longer holds every answer of step {commit.step}")
        self._collect(experiment, state)

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Nothing to tidy."""

    def _collect(self, experiment: ExperimentContext, state: State) -> None:
        step = state.step
        answers = experiment.store.labels.answers(step)
        state.label_queue.from_list([answers[order] for order in sorted(answers)])
        experiment.ledger.add_answers(step, answers, experiment.store.labels.costs(step))
        state.query_queue.from_list([])


def _recalled(
    experiment: ExperimentContext, state: State, orders: Sequence[int], total: int
) -> Mapping[int, Annotation]:
    """Take in the labels of requests that an earlier run has paid for; return them by order."""
    answers = recorded_answers(experiment, state, orders)
    if answers:
        intake = LabelIntake(experiment, state, total)
        intake.check(list(answers.values()))
        intake.append(list(answers.items()))
    return answers


def _ask(
    experiment: ExperimentContext, state: State, requests: Sequence[Request], known: Mapping[int, Annotation]
) -> None:
    """Have the label strategy answer what is not ``known``; what it leaves is skipped."""
    ((name, strategy),) = experiment.strategies.label.items()
    outstanding = [(order, one) for order, one in enumerate(requests) if order not in known]
    queue = Requests([one.item for _, one in outstanding], experiment.store.check)
    answered = [(order, one) for order, one in enumerate(requests) if order in known]
    open_requests = OpenRequests(outstanding, answered, lambda: queue.taken)
    answers = DurableQueue(open_requests, LabelIntake(experiment, state, len(requests)), partial(_wrap, name), name)
    try:
        with calling(experiment, state, name, ActiveLearningPhase.LABELING):
            strategy.label(queue, answers)
        answers.finish(_skipped)
    finally:
        answers.close()


def _any_labelled(answers: Mapping[int, Annotation]) -> bool:
    return any(answer.status is LabelStatus.LABELLED for answer in answers.values())


def _refuse_all_failed(answers: Mapping[int, Annotation], step: int) -> None:
    """End the run where not one request was answered: nothing would change by going on."""
    if answers and not _any_labelled(answers):
        first = answers[min(answers)]
        raise StrategyError(
            f"none of the {len(answers)} label requests of step {step} was answered; "
            f"the first: {first.status}, {first.reason}\n    → fix the label strategy and type the same command again"
        )


def _skipped(item: Any) -> Annotation:
    return Annotation(item, status=LabelStatus.SKIPPED, cost=0.0, reason="not answered")


def _wrap(annotator: str, request: Any, answer: Any) -> Annotation:
    """Read a bare answer: ``(anything, target)``, or whatever the training pool's own ``append`` takes."""
    target = answer[1] if isinstance(answer, tuple) and len(answer) == 2 else answer
    return Annotation(request, target, annotator=annotator)
