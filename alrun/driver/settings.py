"""Parts that a driver is built from: objects in one place, numbers in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from alrun.core.names import named
from alrun.core.protocols.strategies import name_strategies

if TYPE_CHECKING:
    from alrun.core.callback import Callback
    from alrun.core.protocols import (
        InferenceModule,
        LabelStrategy,
        MetrologyStrategy,
        QueryStrategy,
        StrategyHost,
        TrainingLoop,
        TrainingProtocol,
        ValidationProtocol,
    )
    from alrun.core.protocols.pool import Pools
    from alrun.core.stopping import StoppingCriterion
    from alrun.core.types import TaskSpec

__all__ = ["Components", "Reset", "Settings", "Strategies", "TrainingSettings"]

T = TypeVar("T")


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


@dataclass(frozen=True)
class Strategies:
    """The strategies of an experiment, each kind by name.

    Attributes:
        query: Asked in order, into one queue.
        cold_start: Asked in their place while nothing is labeled: one, or none.
        label: Answers the queue: one, or none.
        metrology: Run in order after training.
        stopping: Asked in order after metrology.
    """

    query: Mapping[str, QueryStrategy]
    cold_start: Mapping[str, QueryStrategy]
    label: Mapping[str, LabelStrategy]
    metrology: Mapping[str, MetrologyStrategy]
    stopping: Mapping[str, StoppingCriterion]

    @property
    def all(self) -> list[Any]:
        """Every strategy, in a fixed order; no criteria."""
        kinds: tuple[Mapping[str, Any], ...] = (self.query, self.cold_start, self.label, self.metrology)
        return [strategy for kind in kinds for strategy in kind.values()]

    def attach(self, host: StrategyHost) -> None:
        """Name every strategy and attach it to ``host``."""
        for kind in (self.query, self.cold_start, self.label, self.metrology):
            name_strategies(kind)
        for strategy in self.all:
            strategy.attach(host)


@dataclass
class Components:
    """The objects of an experiment.

    Strategies, criteria and callbacks may come by name, as from a config; those that come without go by their class.
    """

    learner: Any
    pools: Pools
    query_strategies: Mapping[str, QueryStrategy] | Sequence[QueryStrategy]
    training: TrainingSettings
    inference: InferenceModule
    cold_start: Mapping[str, QueryStrategy] | QueryStrategy | None = None
    label_strategy: Mapping[str, LabelStrategy] | LabelStrategy | None = None
    metrology_strategies: Mapping[str, MetrologyStrategy] | Sequence[MetrologyStrategy] = ()
    stopping: Mapping[str, StoppingCriterion] | Sequence[StoppingCriterion] = ()
    callbacks: Mapping[str, Callback] | Sequence[Callback] = ()
    spec: TaskSpec | None = None

    @property
    def strategies(self) -> Strategies:
        """The strategies by name."""
        return Strategies(
            query=named(self.query_strategies),
            cold_start=_one(self.cold_start),
            label=_one(self.label_strategy),
            metrology=named(self.metrology_strategies),
            stopping=named(self.stopping),
        )


def _one(strategy: Mapping[str, T] | T | None) -> dict[str, T]:
    if isinstance(strategy, Mapping):
        return dict(strategy)
    return {} if strategy is None else named([strategy])
