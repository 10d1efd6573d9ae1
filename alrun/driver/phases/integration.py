"""Data integration: move what was labelled into the training pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.apportion import sells_validation
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.driver.host import Host
    from alrun.store.checkpoints import Commit

__all__ = ["IntegrationPhase"]


class IntegrationPhase:
    """Appends labelled samples to the training pool and gives failed ones back to the unlabeled pool."""

    tag = ActiveLearningPhase.DATA_INTEGRATION

    def run(self, driver: Host) -> PhaseResult:
        """Integrate the answers."""
        answers: list[Annotation] = driver.label_queue.to_list()
        labelled = [answer for answer in answers if answer.status is LabelStatus.LABELLED]
        self._integrate(driver, answers, labelled)
        return PhaseResult({"labelled": len(labelled)})

    def restore(self, driver: Host, commit: Commit) -> None:
        """Do the same again: it is a function of the answers."""
        self.run(driver)

    def committed(self, driver: Host) -> None:
        """Nothing to tidy."""

    def _integrate(self, driver: Host, answers: Sequence[Annotation], labelled: Sequence[Annotation]) -> None:
        trained = _without_validation(driver, labelled)
        _append(driver, trained)
        driver.label_queue.from_list([])
        driver.labels_bought += len(labelled)
        driver.last_batch = len(trained)
        pool = driver.unlabeled_pool
        rows = driver.pool_rows([answer.item for answer in labelled])
        returned = driver.pool_rows([a.item for a in answers if a.status is not LabelStatus.LABELLED])
        if pool is not None and rows is not None and returned is not None:
            pool.label(rows)
            pool.give_back(returned)


def _without_validation(driver: Host, labelled: Sequence[Annotation]) -> Sequence[Annotation]:
    """Move labels of validation rows to the validation pool; return the others."""
    rows = driver.pool_rows([answer.item for answer in labelled]) if sells_validation(driver) else None
    pool, sold = driver.validation_pool, driver.unlabeled_pool
    if rows is None or pool is None or sold is None:
        return labelled
    held_out = set(rows[sold.is_validation(rows)].tolist())
    bought = [answer for answer in labelled if isinstance(answer.item, int) and answer.item in held_out]
    pool.extend(bought)
    return [answer for answer in labelled if not (isinstance(answer.item, int) and answer.item in held_out)]


def _append(driver: Host, labelled: Sequence[Annotation]) -> None:
    pool = driver.training_pool
    if not driver.pools_own_their_labels:
        pool.extend(list(labelled))
        return
    # A pool that writes to its own storage may hold these already when a run is resumed.
    missing = driver.initial_pool_size + driver.labels_bought + len(labelled) - len(pool)
    for annotation in list(labelled)[max(0, len(labelled) - missing) :]:
        pool.append(annotation.target)
