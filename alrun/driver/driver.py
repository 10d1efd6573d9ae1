"""Driver: runs an experiment, and is the host that its strategies see."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.learners import attach, prediction_step
from alrun.core.metrics import VALIDATION
from alrun.core.phases import ActiveLearningPhase
from alrun.core.queues import FifoQueue
from alrun.core.seeding import Seeds
from alrun.driver.apportion import Validation, shared
from alrun.driver.experiment import assembled
from alrun.driver.guards.threads import threads_for
from alrun.driver.loop import Loop
from alrun.driver.settings import Components, Settings
from alrun.driver.state import State
from alrun.pool.foreign import sells_validation
from alrun.store.record_file import RecordFile
from alrun.store.run_store import RunStore

if TYPE_CHECKING:
    from alrun.core.protocols import LabelStrategy
    from alrun.core.types import QueryReport

__all__ = ["Driver"]


class Driver:
    """Runs an experiment from the state in its run directory to the end; the host of its strategies.

    What strategies see of it are the attributes of ``StrategyHost``.

    Attributes:
        experiment: The objects and services.
        state: What may change between phases.
        threads: Threads that torch computes with.
    """

    #: Counts up when the loop, a phase or the predictor comes to other results; see ``alrun.core.algorithms``.
    __algorithm__ = 3  # a single last row of an epoch joins the batch before

    def __init__(self, components: Components, settings: Settings, store: RunStore) -> None:
        """Assemble an experiment; nothing runs yet.

        Args:
            components: The objects.
            settings: The numbers.
            store: The run directory, locked by the caller.
        """
        self.state = State(initial_pool_size=len(components.pools.training))
        self.experiment = assembled(components, settings, store, self.state)
        self.threads = settings.threads or threads_for(components.learner, components.training.batch_size)
        self._record_files: dict[Path, RecordFile] = {}
        self._loop = Loop(self.experiment, self.state, self.threads)
        strategies, pools = self.experiment.strategies, components.pools
        self.learner, self.spec, self.device = components.learner, components.spec, self.experiment.device
        self.query_strategies = list(strategies.query.values())
        self.metrology_strategies = list(strategies.metrology.values())
        self.training_pool: Any = pools.training
        self.validation_pool: Any = pools.validation
        self.unlabeled_pool: Any = pools.unlabeled
        self.test_pool: Any = pools.test
        self.predictor, self.log_dir = self.experiment.predictor, self.experiment.log_dir
        self._setup_logger()
        self.attach_strategies()

    def _setup_logger(self) -> None:
        """Use the run's logger."""
        self.logger = self.experiment.logger

    def attach_strategies(self) -> None:
        """Attach every strategy to this driver, and the learner and the inference if they want that."""
        self.experiment.strategies.attach(self)
        for part in (self.learner, self.experiment.inference):
            attach(part, self)

    def run(self) -> None:
        """Run, or resume, until a stopping criterion is met; ``stop_reason`` then names it.

        Raises:
            Interrupted: A signal arrived; everything up to the last commit is on disk.
            StrategyError: A strategy broke its contract.
            StoreError: The run directory cannot be written.
        """
        self._loop.run()

    def phases(self) -> Iterator[ActiveLearningPhase]:
        """Run, or resume, by hand: yield after each phase that was not only replayed, until ``stop_reason`` is set.

        Raises:
            AlrunError: As of ``run``.
        """
        yield from self._loop.phases()

    def __call__(self) -> None:
        """Same as ``run``."""
        self.run()

    def active_learning_step(self) -> None:
        """Run one pass of the five phases; ends after metrology when a stopping criterion is met."""
        self._loop.step()

    def query_and_update(self, count: int) -> int:
        """Finish the current step with ``count`` labels in place of the strategies' own ``max_samples``.

        The same five phases as in ``run``, committed or replayed likewise; ``run`` goes on after them. Stopping
        criteria are not asked.

        Returns:
            How many labels were bought.
        """
        return self._loop.buy(count)

    @property
    def stop_reason(self) -> str:
        """Why the experiment is over; empty while it is not."""
        return self.state.stop_reason

    def query(self, count: int) -> tuple[list[Any], list[int]]:
        """Return what the next query would choose for ``count`` labels: training items and validation rows.

        The labels are divided in proportion to what is left of both parts; all are for training where the labels of
        validation rows are not bought. Never more than the budget holds. Nothing is bought, and no pool changes.
        """
        chosen = self._previewed(count)
        rows = chosen.pop(VALIDATION, [])
        return [item for items in chosen.values() for item in items], rows

    def query_train(self, count: int) -> list[Any]:
        """Return the ``count`` items that the strategies would choose next, all of them for training."""
        return [item for items in self._previewed(count, validate=False).values() for item in items]

    def query_val(self, count: int) -> list[int]:
        """Return ``count`` validation rows that would be drawn next; none where their labels are not bought."""
        queue = FifoQueue()
        if sells_validation(self.unlabeled_pool):
            seeds = self.experiment.seeds(replace(self.state, phase=ActiveLearningPhase.QUERY))
            Validation(min(count, self.remaining_budget), self.unlabeled_pool, seeds).sample(queue)
        return queue.to_list()

    def _previewed(self, count: int, *, validate: bool = True) -> dict[str, list[Any]]:
        """Return what each strategy would choose, by name, in a copy of the state that stands in the query phase."""
        there = copy(self)
        there.state = replace(self.state, phase=ActiveLearningPhase.QUERY)
        strategies = (self.experiment.is_cold and self.experiment.strategies.cold_start) or (
            self.experiment.strategies.query
        )
        queue, chosen = FifoQueue(), {}
        with shared(there.experiment, there.state, strategies, count, validate) as asked:
            for name, strategy in asked.items():
                strategy.attach(there)
                before = len(queue)
                try:
                    strategy.sample(queue)
                finally:
                    strategy.attach(self)
                chosen[name] = queue.to_list()[before:]
        return chosen

    def reset_model(self) -> None:
        """Restore the learner's weights and buffers of step 0 exactly, at any step and after a resume."""
        self.learner.load_state_dict(self.experiment.initial_weights)

    def save_records(self, path: Path, records: list[Any]) -> None:
        """Write records as JSON to ``path``; those that it holds already are not written again."""
        self.experiment.store.check()
        self._record_files.setdefault(path, RecordFile(path)).hold(records)

    def load_records(self, path: Path) -> list[Any]:
        """Return what ``save_records`` wrote."""
        return RecordFile(path).read()

    @property
    def label_strategy(self) -> LabelStrategy | None:
        """The strategy that answers the queue, or ``None``."""
        return next(iter(self.experiment.strategies.label.values()), None)

    @property
    def active_learning_step_idx(self) -> int:
        """Index of the current step."""
        return self.state.step

    @active_learning_step_idx.setter
    def active_learning_step_idx(self, step: int) -> None:
        self.state.step = step

    @property
    def current_phase(self) -> ActiveLearningPhase | None:
        """Phase that is running, or ``None``."""
        return self.state.phase

    @current_phase.setter
    def current_phase(self, phase: ActiveLearningPhase | None) -> None:
        self.state.phase = phase

    @property
    def query_queue(self) -> FifoQueue:
        """What is to be labeled."""
        return self.state.query_queue

    @property
    def label_queue(self) -> FifoQueue:
        """What has been answered."""
        return self.state.label_queue

    @property
    def labels_bought(self) -> int:
        """Labels integrated so far."""
        return self.state.labels_bought

    @property
    def last_batch(self) -> int:
        """Labels integrated in the last step."""
        return self.state.last_batch

    @property
    def last_reports(self) -> list[QueryReport]:
        """What the query strategies said of their last choice."""
        return self.state.last_reports

    @property
    def training_epoch(self) -> int:
        """Epoch (0-based) of the training phase that is running, or was last."""
        return self.state.training_epoch

    @property
    def remaining_budget(self) -> int:
        """Labels that may still be bought."""
        return self.experiment.remaining_budget(self.state)

    @property
    def seeds(self) -> Seeds:
        """Streams of the current step and phase."""
        return self.experiment.seeds(self.state)

    @property
    def train_datapool(self) -> Any:
        """The training pool."""
        return self.training_pool

    @property
    def val_datapool(self) -> Any:
        """The validation pool."""
        return self.validation_pool

    @property
    def unlabeled_datapool(self) -> Any:
        """The unlabeled pool."""
        return self.unlabeled_pool

    @property
    def inference_fn(self) -> Any:
        """The learner's own inference step, or the learner itself."""
        return prediction_step(self.learner)
