"""Data integration: labeled samples are moved into the training pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.needs import anticipation_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.driver.guards.calls import calling
from alrun.driver.phases.base import PhaseResult
from alrun.pool.foreign import takes_requests

if TYPE_CHECKING:
    from alrun.core.request import Request
    from alrun.core.types import TaskSpec
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

    Answered = tuple[Request, Annotation]

__all__ = ["IntegrationPhase"]


class IntegrationPhase:
    """Appends labeled samples to the training pool and gives failed ones back to the unlabeled pool."""

    tag = ActiveLearningPhase.DATA_INTEGRATION

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Have what is to be trained on predicted once more, where a metrology strategy wants that, and integrate."""
        labeled = _labeled(_answered(experiment, state))
        if state.labels_bought == 0 and experiment.source is not None:
            _refuse_far_from_zero(experiment.source.spec, [annotation.target for _, annotation in labeled])
        _anticipate(experiment, state, labeled)
        return self._integrated(experiment, state)

    def _integrated(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        answered = _answered(experiment, state)
        labeled = _labeled(answered)
        if experiment.status is not None:
            experiment.status.label([request for request, _ in labeled])
            experiment.status.give_back([one[0] for one in answered if one[1].status is not LabelStatus.LABELLED])
        trained = _without_validation(experiment, labeled)
        _append(experiment, state, trained)
        state.label_queue.from_list([])
        state.labels_bought += len(labeled)
        state.last_batch = len(trained)
        return PhaseResult({"labelled": len(labeled)})

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Integrate again: that is a function of the answers."""
        self._integrated(experiment, state)

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Nothing to tidy."""


def _refuse_far_from_zero(spec: TaskSpec, targets: Sequence[Any]) -> None:
    """Refuse the first numbers that are bought where ``float32`` would lose how they differ; they stay in the log."""
    from alrun.pool.labels import far_from_zero

    far = far_from_zero(targets) if spec.task is Task.REGRESSION and not spec.target_origin else None
    if far is not None:
        where, origin = far
        what = f"labels are {where}: float32, in which learners compute, loses how they differ"
        way = f"alrun rerun DIR data.target_origin={origin:.15g} keeps the labels, of data without targets of their own"
        raise StrategyError(f"{what}\n    → {way}; else return y - {origin:.15g} as the label")


def _answered(experiment: ExperimentContext, state: State) -> list[Answered]:
    answers: list[Annotation] = state.label_queue.to_list()
    return list(zip(experiment.ledger.requests(state.step), answers, strict=bool(answers)))


def _labeled(answered: Sequence[Answered]) -> list[Answered]:
    return [one for one in answered if one[1].status is LabelStatus.LABELLED]


def _anticipate(experiment: ExperimentContext, state: State, labeled: Sequence[Answered]) -> None:
    """Let metrology strategies look at rows that are about to be trained on, while the learner does not know them."""
    asked = {name: anticipation_of(one) for name, one in experiment.strategies.metrology.items()}
    if not any(asked.values()) or experiment.is_cold:
        return
    status = experiment.status
    held_out = status.for_validation if status is not None and status.sells_validation else None
    known = [(request.row, annotation.target) for request, annotation in labeled if request.row is not None]
    apart = _unknown([target for _, target in known], experiment.spec)
    kept = [
        (row, target)
        for (row, target), is_unknown in zip(known, apart, strict=True)
        if not is_unknown and (held_out is None or not held_out[row])
    ]
    for name, anticipate in asked.items():
        if anticipate is None:
            continue
        with calling(experiment, state, name, ActiveLearningPhase.METROLOGY):
            anticipate([row for row, _ in kept], [target for _, target in kept])


def _unknown(targets: Sequence[Any], spec: TaskSpec | None) -> list[bool]:
    """Return which labels are of none of the classes."""
    from alrun.pool.labels import unknown_labels

    return [False] * len(targets) if spec is None else unknown_labels(targets, spec).tolist()


def _without_validation(experiment: ExperimentContext, labeled: Sequence[Answered]) -> Sequence[Answered]:
    """Move labels of validation rows to the validation pool; return the others."""
    pool, status = experiment.pools.validation, experiment.status
    if status is None or not status.sells_validation or not takes_requests(pool):
        return labeled
    held_out = [one for one in labeled if one[0].row is not None and status.for_validation[one[0].row]]
    pool.add([request for request, _ in held_out], [annotation.target for _, annotation in held_out])
    return [one for one in labeled if one[0].row is None or not status.for_validation[one[0].row]]


def _append(experiment: ExperimentContext, state: State, labeled: Sequence[Answered]) -> None:
    pool = experiment.pools.training
    if takes_requests(pool) and experiment.source is not None:
        pool.add([request for request, _ in labeled], [annotation.target for _, annotation in labeled])
        return
    # A pool that writes to its own storage may hold these already when a run is resumed.
    missing = state.initial_pool_size + state.labels_bought + len(labeled) - len(pool)
    for _, annotation in labeled[max(0, len(labeled) - missing) :]:
        pool.append(annotation.target)
