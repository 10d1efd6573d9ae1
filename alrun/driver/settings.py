"""Components of a driver: its objects, apart from the numbers in its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from alrun.core.names import named
from alrun.core.protocols.strategies import name_strategies
from alrun.core.settings import Reset, Settings, TrainingSettings

if TYPE_CHECKING:
    from alrun.core.callback import Callback
    from alrun.core.protocols import (
        InferenceModule,
        LabelStrategy,
        MetrologyStrategy,
        QueryStrategy,
        StrategyHost,
    )
    from alrun.core.protocols.pool import Pools
    from alrun.core.stopping import StoppingCriterion
    from alrun.core.types import TaskSpec

__all__ = ["Components", "Reset", "Settings", "Strategies", "TrainingSettings"]

T = TypeVar("T")


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
