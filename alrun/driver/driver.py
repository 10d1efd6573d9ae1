"""The driver: the active-learning loop over five phases, each committed before the next begins."""

from __future__ import annotations

import time
from collections.abc import Sized
from itertools import count

from alrun.core.errors import CorruptionError
from alrun.core.events import PhaseFinished, PhaseStarted, RunStarted, StepFinished, StepStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.core.stopping import Progress
from alrun.driver.component_state import (
    callback_states,
    matched_states,
    restore_callbacks,
    restore_states,
    saved_states,
)
from alrun.driver.guards.threads import computing_threads, threads_for
from alrun.driver.interactive import Interactive
from alrun.driver.phases.base import Phase
from alrun.driver.phases.integration import IntegrationPhase
from alrun.driver.phases.labeling import LabelingPhase
from alrun.driver.phases.metrology import MetrologyPhase
from alrun.driver.phases.query import QueryPhase
from alrun.driver.phases.training import TrainingPhase
from alrun.driver.restart import newest_weights_step
from alrun.driver.settings import Components, Reset, Settings
from alrun.store.run_store import RunStore

__all__ = ["Driver"]

METROLOGY = MetrologyPhase()
PHASES: tuple[Phase, ...] = (TrainingPhase(), METROLOGY, QueryPhase(), LabelingPhase(), IntegrationPhase())


class Driver(Interactive):
    """Runs one experiment to its end, from wherever its run directory says that it is.

    A phase whose commit is on disk and holds is replayed; any other is run and committed. That is all there is to
    resuming: the loop is the same.

    Attributes:
        stop_reason: Why the experiment is over; empty while it is not.
        threads: Threads that torch computes with.
    """

    #: Counts up when the loop, a phase or the predictor comes to other results; see ``alrun.core.algorithms``.
    __algorithm__ = 2  # strategies go by their config key, also in what is committed

    def __init__(self, components: Components, settings: Settings, store: RunStore) -> None:
        """Put an experiment together; nothing runs yet.

        Args:
            components: The objects.
            settings: The numbers.
            store: The run directory, locked by the caller.
        """
        super().__init__(components, settings, store)
        self.threads = settings.threads or threads_for(self.learner, self.training.batch_size)
        self.stop_reason = ""
        self._announced = False
        self._next_step = 0
        self._replayed_last: tuple[int, str] | None = None
        self._has_replayed_records = False

    def run(self) -> None:
        """Run, or go on, until a stopping criterion is met; ``stop_reason`` then says which.

        Raises:
            Interrupted: A signal arrived; everything up to the last commit is on disk.
            StrategyError: A strategy broke its contract.
            StoreError: The run directory cannot be written.
        """
        self.restart_step = newest_weights_step(
            self.store.checkpoints,
            [phase.tag for phase in PHASES],
            self.store.labels,
            chained=self.training.reset is not Reset.SCRATCH,
        )
        with self.signals, computing_threads(self.threads):
            for step in count(self._next_step):
                self.active_learning_step_idx = step
                self.active_learning_step()
                if self.stop_reason:
                    break
            self._announce()
            self._write_records_anew()
        self.current_phase = None

    def __call__(self) -> None:
        """Same as ``run``."""
        self.run()

    def query_and_update(self, count: int) -> int:
        """Bring the current step to its end, with ``count`` labels in place of what the strategies are set to.

        The same five phases as in ``run``, committed or replayed likewise; ``run`` goes on behind them. Stopping
        criteria are not asked.

        Returns:
            How many labels were bought.
        """
        before, self.requested = self.labels_bought, count
        self.active_learning_step_idx = self._next_step
        try:
            with self.signals, computing_threads(self.threads):
                for phase in PHASES:
                    self._advance(phase)
                if self._announced:
                    self.notify.tell(StepFinished, phase="")
        finally:
            self.requested, self.current_phase = None, None
        self._next_step += 1
        self.active_learning_step_idx = self._next_step
        return self.labels_bought - before

    def active_learning_step(self) -> None:
        """Run one pass of the five phases; ends after metrology when a stopping criterion is met."""
        for phase in PHASES:
            self._advance(phase)
            if phase.tag is ActiveLearningPhase.METROLOGY and not self.step_is_cold_start:
                self.stop_reason = self._why_stop()
            elif phase.tag is ActiveLearningPhase.QUERY and self.query_queue.empty():
                self.stop_reason = "the query strategies chose nothing"
            if self.stop_reason:
                break
        if self._announced:
            self.notify.tell(StepFinished, phase="")

    def _advance(self, phase: Phase) -> None:
        """Bring one phase behind us: replay its commit, or run it and commit."""
        self.current_phase = phase.tag
        step = self.active_learning_step_idx
        if self._replayed(phase, step):
            return
        self.signals.check()
        self._announce()
        if phase is PHASES[0]:
            self.notify.tell(StepStarted, phase="")
        self.notify.tell(PhaseStarted)
        self.seeds.seed_global_generators()
        started = time.perf_counter()
        result = phase.run(self)
        state = dict(result.state) | saved_states(self.strategies.all) | callback_states(self.notify)
        commit = self.store.checkpoints.commit(step, phase.tag, state, previous=self.digest, weights=result.weights)
        self.digest = commit.digest
        phase.committed(self)
        self.ledger.set_labels(self.labels_bought)
        seconds = time.perf_counter() - started
        self.store.timing.add(step, phase.tag, seconds)
        self.notify.tell(PhaseFinished, seconds=seconds)

    def _announce(self) -> None:
        """Say once where this session begins to do something new."""
        if not self._announced:
            self._announced = True
            resumed, open_log = bool(self.digest), self.store.open_log
            self._write_records_anew()
            self.notify.tell(RunStarted, phase="", log_dir=self.log_dir, resumed=resumed, open_log=open_log)
            self._tell_again()

    def _write_records_anew(self) -> None:
        """Write the files of the metrology strategies again, where records came from commits since the last time.

        Commits are replayed behind phases that ran again, too.
        """
        if self._has_replayed_records:
            self._has_replayed_records = False
            METROLOGY.write_anew(self)

    def _tell_again(self) -> None:
        """Tell callbacks whose state is that of the last commit what was told behind it, before the run was cut."""
        if self._replayed_last is None:
            return
        step, phase = self._replayed_last
        self.notify.tell(PhaseFinished, again=True, step=step, phase=phase, seconds=0.0)
        if phase == PHASES[-1].tag or self.stop_reason:
            self.notify.tell(StepFinished, again=True, step=step, phase="")

    def _replayed(self, phase: Phase, step: int) -> bool:
        checkpoints = self.store.checkpoints
        commit = checkpoints.find(step, phase.tag, previous=self.digest)
        if commit is None:
            return False
        try:
            state = commit.state()
            states = matched_states(self.strategies.all, state)
            phase.restore(self, commit)
        except CorruptionError as error:
            checkpoints.set_aside(step, phase.tag, str(error))
            return False
        restore_states(states)
        restore_callbacks(self.notify, state)
        self._replayed_last = (step, phase.tag)
        self._has_replayed_records |= phase is METROLOGY
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
            metrics=self.ledger.every_metric,
        )
        if self.remaining_budget == 0:
            return f"the budget of {self.settings.budget} labels is spent"
        reasons = [criterion(progress) for criterion in self.strategies.stopping.values()]
        return next((reason for reason in reasons if reason), "")
