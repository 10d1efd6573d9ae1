"""Metrology: the learner and the acquisition are measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.events import EvalFinished, EvalStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.driver.guards.calls import calling
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["MetrologyPhase"]


class MetrologyPhase:
    """Calls every metrology strategy; commits the records that are new."""

    tag = ActiveLearningPhase.METROLOGY

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Measure; nothing to do while nothing has been trained."""
        if experiment.is_cold:
            return PhaseResult({"records": []})
        fresh: list[Any] = []
        for name, strategy in experiment.strategies.metrology.items():
            before = len(strategy.records)
            with _evaluating(experiment, state, name), calling(experiment, state, name, self.tag):
                strategy.compute()
            new = list(strategy.records[before:])
            fresh.append([name, new])
            measured = experiment.ledger.add_records(state.step, name, new)
            experiment.notify.tell(EvalFinished, name=name, metrics=measured)
            strategy.serialize_records()
        return PhaseResult({"records": fresh})

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Give every strategy its records back."""
        stored = commit.state()["records"]
        strategies = experiment.strategies.metrology
        if stored and [name for name, _ in stored] != list(strategies):
            raise CorruptionError(f"{commit.path} holds records of other metrology strategies")
        for name, records in stored:
            strategies[name].records.extend(records)
            experiment.ledger.add_records(commit.step, name, records)

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Nothing to tidy."""

    def write_anew(self, experiment: ExperimentContext) -> None:
        """Have every strategy write its file again, where it has records: the one that is there may be damaged."""
        for strategy in experiment.strategies.metrology.values():
            if strategy.records:
                strategy.serialize_records()


@contextmanager
def _evaluating(experiment: ExperimentContext, state: State, name: str) -> Iterator[None]:
    """Tell that the strategy ``name`` begins; what is predicted meanwhile is its evaluation."""
    experiment.notify.tell(EvalStarted, name=name, metrics={})
    state.evaluation = name
    try:
        yield
    finally:
        state.evaluation = ""
