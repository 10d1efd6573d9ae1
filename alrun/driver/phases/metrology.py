"""Metrology: measure the learner and the acquisition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.phases import ActiveLearningPhase
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.driver.host import Host
    from alrun.store.checkpoints import Commit

__all__ = ["MetrologyPhase"]


class MetrologyPhase:
    """Calls every metrology strategy; commits the records that are new."""

    tag = ActiveLearningPhase.METROLOGY

    def run(self, driver: Host) -> PhaseResult:
        """Measure; nothing to do while nothing has been trained."""
        if driver.step_is_cold_start:
            return PhaseResult({"records": []})
        fresh: list[Any] = []
        for strategy in driver.metrology_strategies:
            before = len(strategy.records)
            strategy.compute()
            new = list(strategy.records[before:])
            fresh.append([type(strategy).__name__, new])
            driver.ledger.add_records(driver.active_learning_step_idx, type(strategy).__name__, new)
            strategy.serialize_records()
        return PhaseResult({"records": fresh})

    def restore(self, driver: Host, commit: Commit) -> None:
        """Give every strategy its records back."""
        stored = commit.state()["records"]
        if stored and len(stored) != len(driver.metrology_strategies):
            raise CorruptionError(f"{commit.path} holds records of other metrology strategies")
        for strategy, (name, records) in zip(driver.metrology_strategies, stored, strict=False):
            strategy.records.extend(records)
            driver.ledger.add_records(commit.step, name, records)

    def committed(self, driver: Host) -> None:
        """Nothing to tidy."""
