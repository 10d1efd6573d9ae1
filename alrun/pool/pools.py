"""Pools of an experiment, made from a source: labels by row or by task, validation fixed or bought."""

from __future__ import annotations

from alrun.core.errors import DataError, Problem
from alrun.core.protocols.pool import Pools, Source
from alrun.core.seeding import Seeds
from alrun.pool.foreign import sells_tasks
from alrun.pool.status import StatusTable
from alrun.pool.subset import Subset
from alrun.pool.training import TrainingPool
from alrun.pool.unlabeled import UnlabeledPool

__all__ = ["pools"]


def pools(source: Source, seeds: Seeds, *, by_task: bool | None = None, sell_validation: bool = False) -> Pools:
    """Split the rows of ``source`` and return the pools that view them; ``None`` for validation or test without rows.

    Args:
        source: The data.
        seeds: Their split stream divides the rows.
        by_task: Whether labels are bought one task at a time; ``None`` for what the source's ``partial_labels`` says.
        sell_validation: Whether validation rows start without labels, for sale like those of training.

    Raises:
        DataError: Labels are to be bought one task at a time, and there is one task alone.
    """
    by_task = sells_tasks(source) if by_task is None else by_task
    if by_task and not source.spec.tasks:
        what = "labels by task need several tasks, and the data have only one"
        raise DataError(Problem(what, "data.partial_labels", "data.partial_labels=false"))
    split = source.split(seeds)
    status = StatusTable(source.spec, split, len(source), by_task=by_task, sell_validation=sell_validation)
    fixed = Subset(source, split.validation) if len(split.validation) else None
    return Pools(
        training=TrainingPool(source, split.labeled, by_task=by_task),
        unlabeled=UnlabeledPool(source, status),
        validation=TrainingPool(source, by_task=by_task) if status.sells_validation else fixed,
        test=Subset(source, split.test) if len(split.test) else None,
    )
