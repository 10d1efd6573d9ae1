"""Driver, as strategies see it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alrun.core.errors import StrategyError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.seeding import Seeds
from alrun.core.types import Prediction, QueryReport, TaskSpec

if TYPE_CHECKING:
    import torch

    from alrun.core.protocols.strategies import LabelStrategy, MetrologyStrategy, QueryStrategy

__all__ = ["DriverProtocol", "Predictor", "StrategyHost", "spec_of"]


class DriverProtocol(Protocol):
    """What strategies written against the common interface may rely on."""

    learner: Any
    query_strategies: list[QueryStrategy]
    metrology_strategies: list[MetrologyStrategy]
    training_pool: Any
    validation_pool: Any
    unlabeled_pool: Any

    @property
    def query_queue(self) -> AbstractQueue[Any]:
        """What is to be labeled."""
        ...

    @property
    def label_strategy(self) -> LabelStrategy | None:
        """The strategy that answers the queue, or ``None``."""
        ...

    @property
    def label_queue(self) -> AbstractQueue[Any] | None:
        """What has been answered."""
        ...

    def active_learning_step(self) -> None:
        """Run one pass: training, metrology, query, labeling, data integration."""
        ...

    def attach_strategies(self) -> None:
        """Attach every strategy to this driver."""
        ...

    def _setup_logger(self) -> None:
        """Make the run's logger."""
        ...


class Predictor(Protocol):
    """The one streamed pass over inputs, never more than a chunk in memory."""

    def __call__(self, pool: Any, *, embeddings: bool = False) -> Iterator[Prediction]:
        """Yield predictions for the rows of ``pool`` (a ``RowPool``), in ``pool.indices`` order."""
        ...


class StrategyHost(DriverProtocol, Protocol):
    """What a strategy sees of the driver: the type of ``driver`` in every strategy.

    Pools are of the kinds in ``alrun.core.protocols.pool``; ``None`` where the data have no such pool. What may change
    between phases can only be read.
    """

    log_dir: Path
    device: torch.device
    logger: logging.Logger
    spec: TaskSpec | None
    test_pool: Any
    predictor: Predictor

    @property
    def active_learning_step_idx(self) -> int:
        """Index of the current step."""
        ...

    @property
    def current_phase(self) -> ActiveLearningPhase | None:
        """Phase that is running, or ``None``."""
        ...

    @property
    def labels_bought(self) -> int:
        """Labels integrated so far."""
        ...

    @property
    def last_batch(self) -> int:
        """Labels integrated in the last step."""
        ...

    @property
    def last_reports(self) -> list[QueryReport]:
        """What the query strategies said of their last choice."""
        ...

    @property
    def training_epoch(self) -> int:
        """Epoch (0-based) of the training phase that is running, or was last."""
        ...

    @property
    def seeds(self) -> Seeds:
        """Streams for the current step and phase."""
        ...

    @property
    def remaining_budget(self) -> int:
        """Labels that may still be bought."""
        ...

    def save_records(self, path: Path, records: list[Any]) -> None:
        """Write ``records`` as JSON to ``path``; those that were written there before are not looked at again."""
        ...

    def load_records(self, path: Path) -> list[Any]:
        """Read what ``save_records`` wrote."""
        ...


def spec_of(host: StrategyHost) -> TaskSpec:
    """Return what the data are.

    Raises:
        StrategyError: They do not say.
    """
    if host.spec is None:
        raise StrategyError("the data have no spec, which this strategy needs")
    return host.spec
