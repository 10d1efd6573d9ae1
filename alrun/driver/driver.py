"""The driver: the active-learning loop over five phases, each committed before the next begins."""

from __future__ import annotations

import time
from collections.abc import Sized
from itertools import count

from alrun.core.errors import CorruptionError
from alrun.core.events import PhaseFinished, PhaseStarted, RunStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.core.stopping import Progress
from alrun.driver.host import Host
from alrun.driver.phases.base import Phase
from alrun.driver.phases.integration import IntegrationPhase
from alrun.driver.phases.labeling import LabelingPhase
from alrun.driver.phases.metrology import MetrologyPhase
from alrun.driver.phases.query import QueryPhase
from alrun.driver.phases.training import TrainingPhase
from alrun.driver.restart import newest_weights_step
from alrun.driver.settings import Components, Settings
from alrun.driver.states import matched_states, restore_states, saved_states
from alrun.driver.threads import computing_threads
from alrun.store.run_store import RunStore

__all__ = ["Driver"]

PHASES: tuple[Phase, ...] = (TrainingPhase(), MetrologyPhase(), QueryPhase(), LabelingPhase(), IntegrationPhase())


class Driver(Host):
    """Runs one experiment to its end, from wherever its run directory says that it is.

    A phase whose commit is on disk and holds is replayed; any other is run and committed. That is all there is to
    resuming: the loop is the same.

    Attributes:
        stop_reason: Why the experiment is over; empty while it is not.
    """

    def __init__(self, components: Components, settings: Settings, store: RunStore) -> None:
        """Put an experiment together; nothing runs yet.

        Args:
            components: The objects.
            settings: The numbers.
            store: The run directory, locked by the caller.
        """
        super().__init__(components, settings, store)
        self.stop_reason = ""
        self._announced = False

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
            self._announce()
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
        self._announce()
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

    def _announce(self) -> None:
        """Say once where this session begins to do something new."""
        if not self._announced:
            self._announced = True
            step, labels, resumed = self.active_learning_step_idx, self.labels_bought, bool(self.digest)
            self.notify.on_run_started(RunStarted(self.log_dir, step, labels, self.settings.budget, resumed))

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
