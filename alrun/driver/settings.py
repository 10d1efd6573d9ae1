"""What a driver is built from: objects in one place, numbers in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alrun.core.callback import Callback
    from alrun.core.protocols import (
        InferenceModule,
        LabelStrategy,
        MetrologyStrategy,
        QueryStrategy,
        TrainingLoop,
        TrainingProtocol,
        ValidationProtocol,
    )
    from alrun.core.protocols.pool import Pools
    from alrun.core.stopping import StoppingCriterion
    from alrun.core.types import TaskSpec

__all__ = ["Components", "Reset", "Settings", "TrainingSettings"]


class Reset(StrEnum):
    """What a training phase starts from; an axis of the experiment, written into the records."""

    SCRATCH = "scratch"
    WARM = "warm"
    SHRINK_PERTURB = "shrink_perturb"


@dataclass(frozen=True)
class TrainingSettings:
    """How each training phase is run.

    Attributes:
        loop: The training loop.
        reset: What the weights start from.
        max_epochs: Passes over the training pool, or ``None`` with ``max_train_steps``.
        max_train_steps: Optimiser steps, or ``None`` with ``max_epochs``.
        max_val_steps: Bound on each validation.
        batch_size: Rows a minibatch.
        checkpoint_every: Epochs between checkpoints inside the phase; 0 for none.
        shrink: Factor on the weights for ``shrink_perturb``.
        perturb: Share of the fresh initial weights that ``shrink_perturb`` adds.
        validate: Whether to validate each epoch on the validation pool.
        train_step_fn: Wins over the learner's ``training_step``.
        validate_step_fn: Wins over the learner's ``validation_step``.
        optimizer: Builds the optimiser from the parameters, for learners without ``configure_optimizers``.
    """

    loop: TrainingLoop
    reset: Reset = Reset.SCRATCH
    max_epochs: int | None = 50
    max_train_steps: int | None = None
    max_val_steps: int | None = None
    batch_size: int = 32
    checkpoint_every: int = 0
    shrink: float = 0.4
    perturb: float = 0.1
    validate: bool = False
    train_step_fn: TrainingProtocol | None = None
    validate_step_fn: ValidationProtocol | None = None
    optimizer: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Settings:
    """The numbers of an experiment.

    Attributes:
        seed: Seed that all streams derive from.
        query_size: Labels a step.
        budget: Labels in all.
        predict_batch_size: Rows a chunk of the streamed predictor.
        device: ``auto``, or a torch device.
        threads: Threads that torch computes with; ``None`` to choose by the learner and the machine.
        calibration: ``temperature``, or ``None`` for outputs as they are.
        keep: Which weights stay on disk: ``all``, ``last`` or ``every:N``.
        timeouts: Seconds that a strategy may take, by ``query``, ``label`` and ``metrology``; ``None`` for no limit.
    """

    seed: int
    query_size: int
    budget: int
    predict_batch_size: int = 1024
    device: str = "auto"
    threads: int | None = None
    keep: str = "all"
    timeouts: Mapping[str, float | None] = field(default_factory=dict)
    calibration: str | None = None


@dataclass
class Components:
    """The objects of an experiment."""

    learner: Any
    pools: Pools
    query_strategies: Sequence[QueryStrategy]
    training: TrainingSettings
    inference: InferenceModule
    cold_start: QueryStrategy | None = None
    label_strategy: LabelStrategy | None = None
    metrology_strategies: Sequence[MetrologyStrategy] = ()
    stopping: Sequence[StoppingCriterion] = ()
    callbacks: Mapping[str, Callback] | Sequence[Callback] = ()
    spec: TaskSpec | None = None
    extra: dict[str, Any] = field(default_factory=dict)
