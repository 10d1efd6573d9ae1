"""Data integration: move what was labelled into the training pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.apportion import sells_validation
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.driver.experiment import Experiment
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["IntegrationPhase"]


class IntegrationPhase:
    """Appends labelled samples to the training pool and gives failed ones back to the unlabeled pool."""

    tag = ActiveLearningPhase.DATA_INTEGRATION

    def run(self, experiment: Experiment, state: State) -> PhaseResult:
        """Integrate the answers."""
        answers: list[Annotation] = state.label_queue.to_list()
        labelled = [answer for answer in answers if answer.status is LabelStatus.LABELLED]
        self._integrate(experiment, state, answers, labelled)
        return PhaseResult({"labelled": len(labelled)})

    def restore(self, experiment: Experiment, state: State, commit: Commit) -> None:
        """Do the same again: it is a function of the answers."""
        self.run(experiment, state)

    def committed(self, experiment: Experiment, state: State) -> None:
        """Nothing to tidy."""

    def _integrate(
        self, experiment: Experiment, state: State, answers: Sequence[Annotation], labelled: Sequence[Annotation]
    ) -> None:
        trained = _without_validation(experiment, labelled)
        _append(experiment, state, trained)
        state.label_queue.from_list([])
        state.labels_bought += len(labelled)
        state.last_batch = len(trained)
        pool = experiment.pools.unlabeled
        rows = experiment.pool_rows([answer.item for answer in labelled])
        returned = experiment.pool_rows([a.item for a in answers if a.status is not LabelStatus.LABELLED])
        if pool is not None and rows is not None and returned is not None:
            pool.label(rows)
            pool.give_back(returned)


def _without_validation(experiment: Experiment, labelled: Sequence[Annotation]) -> Sequence[Annotation]:
    """Move labels of validation rows to the validation pool; return the others."""
    rows = experiment.pool_rows([answer.item for answer in labelled]) if sells_validation(experiment) else None
    pool: Any = experiment.pools.validation
    sold = experiment.pools.unlabeled
    if rows is None or pool is None or sold is None:
        return labelled
    held_out = set(rows[sold.is_validation(rows)].tolist())
    bought = [answer for answer in labelled if isinstance(answer.item, int) and answer.item in held_out]
    pool.extend(bought)
    return [answer for answer in labelled if not (isinstance(answer.item, int) and answer.item in held_out)]


def _append(experiment: Experiment, state: State, labelled: Sequence[Annotation]) -> None:
    pool: Any = experiment.pools.training
    if not experiment.pools_own_their_labels:
        pool.extend(list(labelled))
        return
    # A pool that writes to its own storage may hold these already when a run is resumed.
    missing = state.initial_pool_size + state.labels_bought + len(labelled) - len(pool)
    for annotation in list(labelled)[max(0, len(labelled) - missing) :]:
        pool.append(annotation.target)
