"""The driver: the active-learning loop over five phases, each committed before the next begins."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence, Sized
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.events import Callback, PhaseFinished, PhaseProgress, PhaseStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.core.seeding import Seeds
from alrun.core.stopping import Progress
from alrun.driver.ledger import Ledger
from alrun.driver.notify import CallbackList
from alrun.driver.phases.base import Phase
from alrun.driver.phases.integration import IntegrationPhase
from alrun.driver.phases.labeling import LabelingPhase
from alrun.driver.phases.metrology import MetrologyPhase
from alrun.driver.phases.query import QueryPhase
from alrun.driver.phases.training import TrainingPhase
from alrun.driver.predictor import StreamedPredictor
from alrun.driver.queues import FifoQueue
from alrun.driver.restart import newest_weights_step
from alrun.driver.settings import Components, Settings
from alrun.driver.signals import SignalGuard
from alrun.driver.states import matched_states, restore_states, saved_states
from alrun.driver.threads import computing_threads
from alrun.driver.weights import copy_weights
from alrun.store.records import read_json_records, write_json_records
from alrun.store.run_store import RunStore

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Driver"]

PHASES: tuple[Phase, ...] = (TrainingPhase(), MetrologyPhase(), QueryPhase(), LabelingPhase(), IntegrationPhase())


class Driver:
    """Runs one experiment to its end, from wherever its run directory says that it is.

    A phase whose commit is on disk and holds is replayed; any other is run and committed. That is all there is to
    resuming: the loop is the same.

    Attributes:
        learner: The model.
        query_strategies: Run in order into one queue.
        query_queue: What is to be labelled.
        label_strategy: Answers the queue, or ``None``.
        label_queue: What has been answered.
        metrology_strategies: Run in order after training.
        training_pool: What is labelled.
        validation_pool: Never changed, or ``None``.
        unlabeled_pool: What may be queried, or ``None``.
        test_pool: What metrology measures on, or ``None``.
        cold_start: Fills the queue while nothing is labelled.
        active_learning_step_idx: Index of the current step.
        current_phase: Phase that is running, or ``None``.
        device: Where predictions are made.
        log_dir: The run directory.
        spec: What the data are, where they say so.
        labels_bought: Labels integrated so far.
        last_batch: Labels integrated in the last step.
        last_reports: What the query strategies said of their last choice.
        stop_reason: Why the experiment is over; empty while it is not.
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
        self.query_strategies = list(components.query_strategies)
        self.cold_start = components.cold_start
        self.label_strategy = components.label_strategy
        self.metrology_strategies = list(components.metrology_strategies)
        self.stopping = tuple(components.stopping)
        self.training = components.training
        self.spec = components.spec
        self.query_queue = FifoQueue()
        self.label_queue = FifoQueue()
        self.active_learning_step_idx = 0
        self.current_phase: ActiveLearningPhase | None = None
        self.notify: Callback = CallbackList(components.callbacks)
        self.signals = SignalGuard()
        self.ledger = Ledger(str(self.training.reset))
        self.device = _device(settings.device)
        self.initial_weights: Mapping[str, Tensor] = copy_weights(self.learner)
        self.initial_pool_size = len(self.training_pool)
        self.labels_bought = 0
        self.last_batch = 0
        self.last_reports: list[Any] = []
        self.stop_reason = ""
        self.digest = ""
        self.restart_step = 0
        self.predictor = StreamedPredictor(
            self.learner,
            components.inference,
            batch_size=settings.predict_batch_size,
            device=self.device,
            seeds=lambda: self.seeds,
            progress=self._predicted,
        )
        self._setup_logger()
        self.attach_strategies()

    def _setup_logger(self) -> None:
        """Make the run's logger."""
        self.logger = logging.getLogger(f"alrun.run.{self.log_dir.name}")

    def attach_strategies(self) -> None:
        """Attach every strategy to this driver."""
        for strategy in self.strategies:
            strategy.attach(self)

    @property
    def strategies(self) -> list[Any]:
        """Every strategy, in a fixed order."""
        optional = [strategy for strategy in (self.cold_start, self.label_strategy) if strategy is not None]
        return [*self.query_strategies, *optional, *self.metrology_strategies]

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
        """Return the source rows among queue items, ``[n]`` ``int64``; ``None`` when no pool keeps account of rows."""
        if not hasattr(self.unlabeled_pool, "take"):
            return None
        import torch

        return torch.tensor([item for item in items if isinstance(item, int)], dtype=torch.int64)

    def save_records(self, path: Path, records: list[Any]) -> None:
        """Write records as JSON to ``path``, atomically."""
        write_json_records(path, records)

    def load_records(self, path: Path) -> list[Any]:
        """Return what ``save_records`` wrote."""
        return read_json_records(path)

    def run(self) -> None:
        """Run, or go on, until a stopping criterion is met; ``stop_reason`` then says which.

        Raises:
            Interrupted: A signal arrived; everything up to the last commit is on disk.
            StrategyError: A strategy broke its contract.
            StoreError: The run directory cannot be written.
        """
        self.restart_step = newest_weights_step(
            self.store.checkpoints, [phase.tag for phase in PHASES], self.store.labels
        )
        threads = computing_threads(self.settings.threads, self.learner, self.training.batch_size)
        with self.signals, threads:
            for step in count():
                self.active_learning_step_idx = step
                self.active_learning_step()
                if self.stop_reason:
                    break
        self.current_phase = None

    def __call__(self) -> None:
        """Same as ``run``."""
        self.run()

    def active_learning_step(self) -> None:
        """Run one pass of the five phases; ends after metrology when a stopping criterion is met."""
        for phase in PHASES:
            self._advance(phase)
            if phase.tag is ActiveLearningPhase.METROLOGY and not self.step_is_cold_start:
                self.stop_reason = self._why_stop()
            elif phase.tag is ActiveLearningPhase.QUERY and self.query_queue.empty():
                self.stop_reason = "the query strategies chose nothing"
            if self.stop_reason:
                return

    def _advance(self, phase: Phase) -> None:
        """Bring one phase behind us: replay its commit, or run it and commit."""
        self.current_phase = phase.tag
        step = self.active_learning_step_idx
        if self._replayed(phase, step):
            return
        self.signals.check()
        self.notify.on_phase_started(PhaseStarted(step, phase.tag))
        self.seeds.seed_global_generators()
        started = time.perf_counter()
        result = phase.run(self)
        state = dict(result.state) | saved_states(self.strategies)
        commit = self.store.checkpoints.commit(step, phase.tag, state, previous=self.digest, weights=result.weights)
        self.digest = commit.digest
        phase.committed(self)
        self.ledger.set_labels(self.labels_bought)
        seconds = time.perf_counter() - started
        self.store.timing.add(step, phase.tag, seconds)
        self.notify.on_phase_finished(
            PhaseFinished(step, phase.tag, seconds, self.labels_bought, dict(self.ledger.metrics))
        )

    def _replayed(self, phase: Phase, step: int) -> bool:
        checkpoints = self.store.checkpoints
        commit = checkpoints.find(step, phase.tag, previous=self.digest)
        if commit is None:
            return False
        try:
            states = matched_states(self.strategies, commit.state())
            phase.restore(self, commit)
        except CorruptionError as error:
            checkpoints.set_aside(step, phase.tag, str(error))
            return False
        restore_states(states)
        self.digest = commit.digest
        phase.committed(self)
        self.ledger.set_labels(self.labels_bought)
        return True

    def _why_stop(self) -> str:
        pool = self.unlabeled_pool
        progress = Progress(
            step=self.active_learning_step_idx,
            labels=self.labels_bought,
            unlabeled=len(pool) if isinstance(pool, Sized) else None,
            elapsed=self.store.timing.elapsed,
            metrics=self.ledger.metrics,
        )
        if self.remaining_budget == 0:
            return f"the budget of {self.settings.budget} labels is spent"
        reasons = [criterion(progress) for criterion in self.stopping]
        return next((reason for reason in reasons if reason), "")

    def _predicted(self, done: int, total: int) -> None:
        step, phase = self.active_learning_step_idx, self.current_phase or ""
        self.notify.on_phase_progress(PhaseProgress(step, phase, done, total))
        self.signals.check()


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
