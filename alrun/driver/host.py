"""What the phases work on and the strategies see: the objects of one experiment and where it stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.events import PhaseProgress
from alrun.core.names import named
from alrun.core.phases import ActiveLearningPhase
from alrun.core.seeding import Seeds
from alrun.driver.batch_events import WatchedPredictor
from alrun.driver.guards.deadline import Deadline
from alrun.driver.guards.signals import SignalGuard
from alrun.driver.ledger import Ledger
from alrun.driver.notify import Notifier
from alrun.driver.queues import FifoQueue
from alrun.driver.retention import Retention
from alrun.driver.settings import Components, Reset, Settings
from alrun.driver.supply.calibration import CalibratedPredictor
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.driver.weights import copy_weights
from alrun.store.records import read_json_records, write_json_records
from alrun.store.run_store import RunStore

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from alrun.core.protocols import LabelStrategy, Predictor

__all__ = ["Host"]


class Host:
    """An experiment in memory; ``Driver`` adds the loop.

    Attributes:
        learner: The model.
        inference: How predictions are made from it.
        strategies: All of them by name.
        query_strategies: Run in order into one queue.
        query_queue: What is to be labelled.
        label_queue: What has been answered.
        metrology_strategies: Run in order after training.
        training_pool: What is labelled.
        validation_pool: Never changed, unless its labels are bought from the budget; or ``None``.
        unlabeled_pool: What may be queried, or ``None``.
        test_pool: What metrology measures on, or ``None``.
        active_learning_step_idx: Index of the current step.
        current_phase: Phase that is running, or ``None``.
        device: Where predictions are made.
        log_dir: The run directory.
        spec: What the data are, where they say so.
        labels_bought: Labels integrated so far.
        last_batch: Labels integrated in the last step.
        last_reports: What the query strategies said of their last choice.
        digest: Digest of the last commit that has been run or replayed.
        restart_step: Step from which weights are read when commits are replayed.
        notify: Tells callbacks what happens.
        evaluation: Name of the metrology strategy that measures; empty while none does.
        requested: Labels that the current step is to buy; ``None`` for what the strategies are set to.
        training_epoch: Epoch (0-based) of the training phase that is running, or was last.
        retention: Removes weights that need not stay.
        deadline: Ends strategies that take too long.
    """

    def __init__(self, components: Components, settings: Settings, store: RunStore) -> None:
        """Put an experiment together; nothing runs yet.

        Args:
            components: The objects.
            settings: The numbers.
            store: The run directory, locked by the caller.
        """
        self.settings = settings
        self.store = store
        self.log_dir: Path = store.directory.path
        self.learner = components.learner
        self.training_pool: Any = components.pools.training
        self.validation_pool: Any | None = components.pools.validation
        self.unlabeled_pool: Any | None = components.pools.unlabeled
        self.test_pool: Any | None = components.pools.test
        self.strategies = components.strategies
        self.query_strategies = list(self.strategies.query.values())
        self.metrology_strategies = list(self.strategies.metrology.values())
        self.training = components.training
        self.spec = components.spec
        self.query_queue = FifoQueue()
        self.label_queue = FifoQueue()
        self.active_learning_step_idx = 0
        self.current_phase: ActiveLearningPhase | None = None
        self.signals = SignalGuard()
        self.deadline = Deadline()
        self.ledger = Ledger(str(self.training.reset))
        self.device = _device(settings.device)
        self.initial_weights: Mapping[str, Tensor] = copy_weights(self.learner)
        self.initial_pool_size = len(self.training_pool)
        self.labels_bought = 0
        self.last_batch = 0
        self.training_epoch = 0
        self.requested: int | None = None
        self.last_reports: list[Any] = []
        self.digest = ""
        self.restart_step = 0
        self.evaluation = ""
        self.retention = Retention(settings.keep, chained=self.training.reset is not Reset.SCRATCH)
        self._setup_logger()
        self.notify = Notifier(components.callbacks, self._place, self.logger)
        predictor = StreamedPredictor(
            self.learner,
            components.inference,
            batch_size=settings.predict_batch_size,
            device=self.device,
            seeds=lambda: self.seeds,
            progress=self._predicted,
        )
        told: Predictor = CalibratedPredictor(predictor, self) if settings.calibration else predictor
        self.predictor = WatchedPredictor(told, self.notify, lambda: self.evaluation)
        self.inference = components.inference
        self.attach_strategies()

    def _setup_logger(self) -> None:
        """Make the run's logger."""
        self.logger = logging.getLogger(f"alrun.run.{self.log_dir.name}")

    def attach_strategies(self) -> None:
        """Attach every strategy to this driver, and the learner and the inference if they want that."""
        self.strategies.attach(self)
        for part in (self.learner, self.inference):
            attach = getattr(part, "attach", None)
            if callable(attach):
                attach(self)

    @property
    def label_strategy(self) -> LabelStrategy | None:
        """The strategy that answers the queue, or ``None``."""
        return next(iter(self.strategies.label.values()), None)

    @label_strategy.setter
    def label_strategy(self, strategy: LabelStrategy | None) -> None:
        label = {} if strategy is None else named([strategy])
        self.strategies = replace(self.strategies, label=label)

    @property
    def train_datapool(self) -> Any:
        """The training pool."""
        return self.training_pool

    @property
    def val_datapool(self) -> Any | None:
        """The validation pool."""
        return self.validation_pool

    @property
    def unlabeled_datapool(self) -> Any | None:
        """The unlabeled pool."""
        return self.unlabeled_pool

    @property
    def inference_fn(self) -> Any:
        """The learner's own inference step, or the learner itself."""
        return getattr(self.learner, "inference_step", self.learner)

    @property
    def seeds(self) -> Seeds:
        """Streams of the current step and phase."""
        return Seeds(self.settings.seed, self.active_learning_step_idx, str(self.current_phase or ""))

    @property
    def remaining_budget(self) -> int:
        """Labels that may still be bought."""
        return max(0, self.settings.budget - self.labels_bought)

    @property
    def step_is_cold_start(self) -> bool:
        """Whether nothing is labelled yet."""
        return len(self.training_pool) == 0

    @property
    def pools_own_their_labels(self) -> bool:
        """Whether the training pool takes answers as they come, rather than annotations of rows."""
        return not hasattr(self.training_pool, "extend") or self.unlabeled_pool is None

    def pool_rows(self, items: Sequence[Any]) -> Tensor | None:
        """Return the source rows among queue items, ``[n]`` ``int64``; ``None`` when no pool keeps account of rows.

        Where the pool keeps account of the tasks of a row, these are the keys that it gives to the requests.
        """
        pool: Any = self.unlabeled_pool
        if not hasattr(pool, "take"):
            return None
        if hasattr(pool, "request_keys"):
            keys: Tensor = pool.request_keys(items)
            return keys
        import torch

        return torch.tensor([item for item in items if isinstance(item, int)], dtype=torch.int64)

    def save_records(self, path: Path, records: list[Any]) -> None:
        """Write records as JSON to ``path``, atomically."""
        self.store.check()
        write_json_records(path, records)

    def load_records(self, path: Path) -> list[Any]:
        """Return what ``save_records`` wrote."""
        return read_json_records(path)

    def _place(self) -> Mapping[str, Any]:
        """Return what every event says."""
        return {
            "step": self.active_learning_step_idx,
            "phase": str(self.current_phase or ""),
            "labels": self.labels_bought,
            "budget": self.settings.budget,
            "metrics": self.ledger.metrics,
        }

    def _predicted(self, done: int, total: int) -> None:
        self.notify.tell(PhaseProgress, done=done, total=total)
        self.signals.check()


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
