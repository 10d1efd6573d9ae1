"""The driver, as strategies see it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.seeding import Seeds
from alrun.core.types import Prediction, QueryReport, TaskSpec

if TYPE_CHECKING:
    import torch

    from alrun.core.protocols.pool import DataPool
    from alrun.core.protocols.strategies import LabelStrategy, MetrologyStrategy, QueryStrategy

__all__ = ["DriverProtocol", "Predictor", "StrategyHost"]


class DriverProtocol(Protocol):
    """What strategies written against the common interface may rely on."""

    learner: Any
    query_strategies: list[QueryStrategy]
    query_queue: AbstractQueue[Any]
    label_strategy: LabelStrategy | None
    label_queue: AbstractQueue[Any] | None
    metrology_strategies: list[MetrologyStrategy] | None
    training_pool: DataPool[Any]
    validation_pool: DataPool[Any] | None
    unlabeled_pool: Any | None

    def active_learning_step(self, *args: Any, **kwargs: Any) -> None:
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
    """What alrun's own driver offers to strategies beyond the common interface."""

    log_dir: Path
    active_learning_step_idx: int
    current_phase: ActiveLearningPhase | None
    device: torch.device
    logger: logging.Logger
    spec: TaskSpec | None
    test_pool: Any | None
    predictor: Predictor
    labels_bought: int
    last_batch: int
    last_reports: list[QueryReport]
    training_epoch: int

    @property
    def seeds(self) -> Seeds:
        """Streams for the current step and phase."""
        ...

    @property
    def remaining_budget(self) -> int:
        """Labels that may still be bought."""
        ...

    def save_records(self, path: Path, records: list[Any]) -> None:
        """Write ``records`` as JSON to ``path``, atomically."""
        ...

    def load_records(self, path: Path) -> list[Any]:
        """Read what ``save_records`` wrote."""
        ...
