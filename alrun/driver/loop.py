"""Active-learning loop over five phases, each committed before the next begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from typing import TYPE_CHECKING

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
from alrun.driver.guards.threads import computing_threads
from alrun.driver.phases.base import Phase
from alrun.driver.phases.integration import IntegrationPhase
from alrun.driver.phases.labeling import LabelingPhase
from alrun.driver.phases.metrology import MetrologyPhase
from alrun.driver.phases.query import QueryPhase
from alrun.driver.phases.training import TrainingPhase
from alrun.driver.restart import newest_weights_step
from alrun.driver.settings import Reset
from alrun.pool.foreign import pool_length

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["PHASES", "Loop"]

METROLOGY = MetrologyPhase()
PHASES: tuple[Phase, ...] = (TrainingPhase(), METROLOGY, QueryPhase(), LabelingPhase(), IntegrationPhase())


class Loop:
    """Brings an experiment on, from wherever its run directory says that it is.

    A phase whose commit is on disk and holds is replayed; any other is run and committed. That is all there is to
    resuming: the loop is the same.
    """

    def __init__(self, experiment: ExperimentContext, state: State, threads: int) -> None:
        """Go on with ``experiment`` at ``state``; torch computes with ``threads`` threads."""
        self._experiment, self._state, self._threads = experiment, state, threads
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
        with self._guarded():
            for _ in self._onward(nullcontext):
                pass

    def phases(self) -> Iterator[ActiveLearningPhase]:
        """Do the same by hand: yield after each phase that was not only replayed.

        Signals, and the threads of torch, are the caller's own between two phases.

        Raises:
            AlrunError: As of ``run``.
        """
        yield from self._onward(self._guarded)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._experiment.signals, computing_threads(self._threads):
            yield

    def _onward(self, guarded: Callable[[], AbstractContextManager[None]]) -> Iterator[ActiveLearningPhase]:
        """Go on until a stopping criterion is met, each phase within ``guarded``; yield those that were run."""
        with guarded():
            self._state.restart_step = newest_weights_step(
                self._experiment.store.checkpoints,
                [phase.tag for phase in PHASES],
                self._experiment.store.labels,
                chained=self._experiment.training.reset is not Reset.SCRATCH,
            )
        for step in count(self._next_step):
            self._state.step = step
            for phase in PHASES:
                with guarded():
                    self._complete(phase)
                    if self._state.stop_reason:
                        self._announce()
                        self._write_records_anew()
                if self._announced:
                    yield phase.tag
                if self._state.stop_reason:
                    self._state.phase = None
                    return

    def buy(self, count: int) -> int:
        """Bring the current step to its end, with ``count`` labels in place of what the strategies are set to.

        The same five phases as in ``run``, committed or replayed likewise; ``run`` goes on after them. Stopping
        criteria are not asked.

        Returns:
            How many labels were bought.
        """
        before, self._state.requested = self._state.labels_bought, count
        self._state.step = self._next_step
        try:
            with self._experiment.signals, computing_threads(self._threads):
                for phase in PHASES:
                    self._advance(phase)
                if self._announced:
                    self._experiment.notify.tell(StepFinished, phase="")
        finally:
            self._state.requested, self._state.phase = None, None
        self._next_step += 1
        self._state.step = self._next_step
        return self._state.labels_bought - before

    def step(self) -> None:
        """Run one pass of the five phases; ends after metrology when a stopping criterion is met."""
        for phase in PHASES:
            self._complete(phase)
            if self._state.stop_reason:
                break

    def _complete(self, phase: Phase) -> None:
        """Complete one phase, decide whether the experiment is over, and close a step that is."""
        self._advance(phase)
        if phase.tag is ActiveLearningPhase.METROLOGY and not self._experiment.is_cold:
            self._state.stop_reason = self._why_stop()
        elif phase.tag is ActiveLearningPhase.QUERY and self._state.query_queue.empty():
            recorded = self._experiment.store.picks is not None
            what = "all recorded picks are replayed" if recorded else "the query strategies chose nothing"
            self._state.stop_reason = what
        if self._announced and (self._state.stop_reason or phase is PHASES[-1]):
            self._experiment.notify.tell(StepFinished, phase="")

    def _advance(self, phase: Phase) -> None:
        """Complete one phase: replay its commit, or run it and commit."""
        self._state.phase = phase.tag
        step = self._state.step
        if self._replayed(phase, step):
            return
        self._experiment.signals.check()
        self._experiment.pause.wait(self._experiment.signals.check)
        self._announce()
        if phase is PHASES[0]:
            self._experiment.notify.tell(StepStarted, phase="")
        self._experiment.notify.tell(PhaseStarted)
        self._experiment.seeds(self._state).seed_global_generators()
        started = time.perf_counter()
        result = phase.run(self._experiment, self._state)
        states = saved_states(self._experiment.strategies.all) | callback_states(self._experiment.notify)
        state = {**result.state, **states}
        commit = self._experiment.store.checkpoints.commit(
            step, phase.tag, state, previous=self._state.digest, weights=result.weights
        )
        self._state.digest = commit.digest
        phase.committed(self._experiment, self._state)
        self._experiment.ledger.set_labels(self._state.labels_bought)
        seconds = time.perf_counter() - started
        self._experiment.store.timing.add(step, phase.tag, seconds)
        self._experiment.notify.tell(PhaseFinished, seconds=seconds)

    def _announce(self) -> None:
        """Say once where this session begins to do something new."""
        if not self._announced:
            self._announced = True
            resumed, open_log = bool(self._state.digest), self._experiment.store.open_log
            self._write_records_anew()
            self._experiment.notify.tell(
                RunStarted, phase="", log_dir=self._experiment.log_dir, resumed=resumed, open_log=open_log
            )
            self._tell_again()

    def _write_records_anew(self) -> None:
        """Write the files of the metrology strategies again, where records came from commits since the last time.

        Commits are replayed after phases that ran again, too.
        """
        if self._has_replayed_records:
            self._has_replayed_records = False
            METROLOGY.write_anew(self._experiment)

    def _tell_again(self) -> None:
        """Tell callbacks whose state is that of the last commit what was told after it, before the run was cut."""
        if self._replayed_last is None:
            return
        step, phase = self._replayed_last
        self._experiment.notify.tell(PhaseFinished, again=True, step=step, phase=phase, seconds=0.0)
        if phase == PHASES[-1].tag or self._state.stop_reason:
            self._experiment.notify.tell(StepFinished, again=True, step=step, phase="")

    def _replayed(self, phase: Phase, step: int) -> bool:
        checkpoints = self._experiment.store.checkpoints
        commit = checkpoints.find(step, phase.tag, previous=self._state.digest)
        if commit is None:
            return False
        try:
            state = commit.state()
            states = matched_states(self._experiment.strategies.all, state)
            phase.restore(self._experiment, self._state, commit)
        except CorruptionError as error:
            checkpoints.set_aside(step, phase.tag, str(error))
            return False
        restore_states(states)
        restore_callbacks(self._experiment.notify, state)
        self._replayed_last = (step, phase.tag)
        self._has_replayed_records |= phase is METROLOGY
        self._state.digest = commit.digest
        phase.committed(self._experiment, self._state)
        self._experiment.ledger.set_labels(self._state.labels_bought)
        return True

    def _why_stop(self) -> str:
        progress = Progress(
            step=self._state.step,
            labels=self._state.labels_bought,
            unlabeled=pool_length(self._experiment.pools.unlabeled),
            elapsed=self._experiment.store.timing.elapsed,
            metrics=self._experiment.ledger.every_metric,
        )
        if self._experiment.remaining_budget(self._state) == 0:
            return f"the budget of {self._experiment.settings.budget} labels is spent"
        reasons = [criterion(progress) for criterion in self._experiment.strategies.stopping.values()]
        return next((reason for reason in reasons if reason), "")
