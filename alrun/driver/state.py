"""State of an experiment: everything that changes between its phases, and is restored from commits."""

from __future__ import annotations

from dataclasses import dataclass, field

from alrun.core.phases import ActiveLearningPhase
from alrun.core.queues import FifoQueue
from alrun.core.seeding import Seeds
from alrun.core.types import QueryReport

__all__ = ["State"]


@dataclass
class State:
    """Where an experiment stands, beyond what its pools and its learner hold.

    Attributes:
        step: Index of the current step.
        phase: Phase that is running, or ``None``.
        query_queue: What is to be labeled.
        label_queue: What has been answered.
        labels_bought: Labels integrated so far.
        last_batch: Labels integrated in the last step.
        last_reports: What the query strategies said of their last choice.
        requested: Labels that the current step is to buy; ``None`` for what the strategies are set to.
        training_epoch: Epoch (0-based) of the training phase that is running, or was last.
        evaluation: Name of the metrology strategy that measures; empty while none does.
        digest: Digest of the last commit that has been run or replayed.
        initial_pool_size: Size of the training pool before step 0.
        restart_step: Step from which weights are read when commits are replayed.
        stop_reason: Why the experiment is over; empty while it is not.
    """

    step: int = 0
    phase: ActiveLearningPhase | None = None
    query_queue: FifoQueue = field(default_factory=FifoQueue)
    label_queue: FifoQueue = field(default_factory=FifoQueue)
    labels_bought: int = 0
    last_batch: int = 0
    last_reports: list[QueryReport] = field(default_factory=list)
    requested: int | None = None
    training_epoch: int = 0
    evaluation: str = ""
    digest: str = ""
    initial_pool_size: int = 0
    restart_step: int = 0
    stop_reason: str = ""

    def seeds(self, seed: int) -> Seeds:
        """Return the streams of the step and phase, of the experiment's ``seed``."""
        return Seeds(seed, self.step, str(self.phase or ""))
