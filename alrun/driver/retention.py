"""Retention of weights: which checkpoints keep theirs."""

from __future__ import annotations

from alrun.core.phases import ActiveLearningPhase
from alrun.store.checkpoints import CheckpointStore

__all__ = ["Retention"]


class Retention:
    """Removes the weights of steps that nobody asked to keep; state and ledger of every step always stay.

    The newest weights stay whatever is asked for. Where a training phase starts from the weights before it, those of
    one step more stay, so that a damaged newest one can be computed again exactly.

    Args:
        keep: ``all``; ``last``; or ``every:N`` for the newest and those of every ``N``-th step.
        chained: Whether training starts from the weights of the step before.
    """

    def __init__(self, keep: str, *, chained: bool) -> None:
        self._keeps_all = keep == "all"
        self._every = int(keep.removeprefix("every:")) if keep.startswith("every:") else 0
        self._behind = 1 if chained else 0
        self._next = 0

    def apply(self, checkpoints: CheckpointStore, newest: int) -> None:
        """Prune what step ``newest``, whose weights are committed, has made superfluous.

        Raises:
            StoreError: The disk refuses.
        """
        if self._keeps_all:
            return
        for step in range(self._next, newest - self._behind):
            if not self._every or step % self._every:
                checkpoints.prune(step, ActiveLearningPhase.TRAINING)
            self._next = step + 1
