"""Conformance suite for metrology strategies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alrun.cold_start.random import Random
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.query.entropy import Entropy
from alrun.query.variance import Variance
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted, supported_task
from alrun.testing.watch import generators_in_state, generators_untouched, learner_untouched

__all__ = ["MetrologyConformance"]


class MetrologyConformance:
    """Examines a metrology strategy. Subclass it under a name that starts with ``Test`` and write ``strategy``.

    The task is chosen by the strategy's class attribute ``tasks``; override ``host`` for others. A strategy that reads
    the records of others names these in ``before``.
    """

    def strategy(self) -> Any:
        """Return a new strategy, not attached."""
        raise NotImplementedError("write strategy(self) in your subclass of the conformance suite")

    def before(self) -> list[Any]:
        """Return new strategies to measure before it: those whose records it reads."""
        return []

    @contextmanager
    def host(self, directory: Path, strategy: Any) -> Iterator[Driver]:
        """Open an experiment below ``directory`` that has run for two steps with ``strategy`` as its metrology."""
        run = directory / f"host_{len(list(directory.iterdir()))}"
        with self._opened(run, strategy) as driver:
            driver.current_phase = ActiveLearningPhase.METROLOGY
            yield driver

    @contextmanager
    def _opened(self, run: Path, strategy: Any) -> Iterator[Driver]:
        task = supported_task(strategy)
        query = Variance(10) if task is Task.REGRESSION else Entropy(10)
        parts: dict[str, Any] = {"cold_start": Random(20), "query": [query], "metrology": [*self.before(), strategy]}
        with hosted(run, task, cold=True, stopping=[Steps(2)], **parts) as driver:
            driver.run()
            yield driver

    def test_declares_what_it_is(self) -> None:
        """It says that it is a metrology strategy and starts without records."""
        strategy = self.strategy()
        assert strategy.__protocol_type__ == ActiveLearningPhase.METROLOGY
        assert len(strategy) == len(strategy.records) == 0
        assert not strategy.is_attached

    def test_records_what_it_declares(self, tmp_path: Path) -> None:
        """Every step leaves a record; named metrics are numbers, and declared where the strategy declares any."""
        strategy = self.strategy()
        with self.host(tmp_path, strategy):
            records = list(strategy.records)
        assert records, "left no record after two steps"
        named = [record for record in records if isinstance(record, dict) and "metric" in record]
        assert {record["step"] for record in named} in ({1, 2}, set()), "did not record every step"
        for record in named:
            assert isinstance(record["value"], float), f"{record['metric']} is {record['value']!r}"
            assert record.get("higher_is_better") in (True, False, None)

    def test_measures_the_same_again(self, tmp_path: Path) -> None:
        """Measuring twice gives the same values, wherever the global generators stand, and leaves all alone."""
        strategy = self.strategy()
        with self.host(tmp_path, strategy) as driver:
            new = []
            for state in (1, 2):
                before = len(strategy)
                with generators_in_state(state), generators_untouched(), learner_untouched(driver.learner):
                    strategy()
                new.append(strategy.records[before:])
        assert new[0], "computed nothing"
        assert new[0] == new[1], "measures something else the second time"

    def test_records_survive_a_restart(self, tmp_path: Path) -> None:
        """A run that goes on has the records that it had, the keys of each in their order."""
        first, heir = self.strategy(), self.strategy()
        for strategy in (first, heir):
            with self._opened(tmp_path / "run", strategy):
                pass
        assert repr(heir.records) == repr(first.records)

    def test_records_survive_a_round_trip(self, tmp_path: Path) -> None:
        """Records are written and read back, from a named file and from the newest, into the same list."""
        strategy, heir = self.strategy(), self.strategy()
        with self.host(tmp_path, strategy) as driver:
            heir.attach(driver)
            strategy.serialize_records()
            strategy.serialize_records(tmp_path / "records.json")
            for path in (None, tmp_path / "records.json"):
                held = heir.records
                heir.load_records(path)
                assert heir.records is held, "load_records replaced the list instead of its content"
                assert heir.records == strategy.records
                heir.reset()
                assert len(heir) == 0
