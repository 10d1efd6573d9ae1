"""Weights of a run, read without changing anything: the newest that hold, or those of one step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alrun.core.errors import CorruptionError, StoreError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.showing import typed
from alrun.store.checkpoints import CheckpointStore, Commit, read_commit
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["newest_weights", "steps_with_weights"]

LOGGER = logging.getLogger("alrun.weights")


def steps_with_weights(directory: RunDirectory) -> list[int]:
    """Return the steps whose weights are there, ascending."""
    store = CheckpointStore(directory.checkpoints, LOGGER)
    return [step for step in store.steps() if (found := _commit(directory, step)) and not found.is_pruned]


def newest_weights(directory: RunDirectory, step: int | None = None) -> tuple[Commit, dict[str, Tensor]]:
    """Return the commit of ``step`` and its weights by name; without one, the newest that hold, saying which do not.

    Raises:
        StoreError: There are none.
        CorruptionError: Those of ``step`` do not hold.
    """
    steps = steps_with_weights(directory)
    if step is not None and step not in steps:
        known = ", ".join(map(str, steps)) or "none"
        raise StoreError(f"{directory.path} has no weights of step {step}\n    → steps that have weights: {known}")
    for number in reversed(steps if step is None else [step]):
        commit = _commit(directory, number)
        try:
            if commit is not None:
                return commit, commit.weights()
        except CorruptionError as error:
            if step is not None:
                raise
            LOGGER.warning("weights of step %d passed over: %s", number, error)
    raise StoreError(f"{directory.path} has no weights that hold\n    → alrun verify {typed(directory.path)} says more")


def _commit(directory: RunDirectory, step: int) -> Commit | None:
    path = directory.checkpoints / f"step_{step}" / ActiveLearningPhase.TRAINING
    try:
        commit = read_commit(path, step, ActiveLearningPhase.TRAINING)
    except CorruptionError:
        return None
    return commit if commit.has_weights else None
