"""The step from which a resumed run needs weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from alrun.core.errors import CorruptionError
from alrun.core.phases import ActiveLearningPhase
from alrun.store.checkpoints import CheckpointStore, Commit
from alrun.store.labels import LabelLog

__all__ = ["newest_weights_step"]


def newest_weights_step(
    checkpoints: CheckpointStore, phases: Sequence[str], labels: LabelLog, *, chained: bool = True
) -> int:
    """Return the newest step whose weights hold, with everything before it; 0 when there is none.

    Where training does not start from the weights before it (not ``chained``), a step whose weights do not hold is
    itself the one to return: its training runs again, and needs none.

    Everything includes the answers: labels that have to be asked for again may come out otherwise.

    Commits that do not hold are set aside, so that their phases run again. Weights of earlier steps are not read.
    """
    for commit in reversed(_chain(checkpoints, phases, labels)):
        if not commit.has_weights:
            continue
        try:
            commit.weights()
        except CorruptionError as error:
            checkpoints.set_aside(commit.step, commit.phase, str(error))
            if chained:
                continue
        return commit.step
    return 0


def _chain(checkpoints: CheckpointStore, phases: Sequence[str], labels: LabelLog) -> list[Commit]:
    """Return the commits from the first on, without a gap, as far as their states hold."""
    chain: list[Commit] = []
    for step in count():
        for phase in phases:
            commit = checkpoints.find(step, phase, previous=chain[-1].digest if chain else "")
            if commit is None:
                return chain
            try:
                state = commit.state()
                if phase == ActiveLearningPhase.LABELING and state["digest"] != labels.digest(step):
                    raise CorruptionError(f"the label log no longer holds every answer of step {step}")
            except CorruptionError as error:
                checkpoints.set_aside(step, phase, str(error))
                return chain
            chain.append(commit)
    return chain
