"""Steps of an experiment, one at a time, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from alrun.api.interrupts import second_interrupt
from alrun.api.run import Run
from alrun.cli.run_report import run_report
from alrun.core.errors import Suspended
from alrun.core.generators import generators_kept
from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from alrun.driver.driver import Driver
    from alrun.runner.run import Experiment

__all__ = ["StepResult", "Steps"]


@dataclass(frozen=True)
class StepResult:
    """What there is after a step, or a phase.

    Attributes:
        step: Number of the step, from 0; step 0 draws the first labels.
        phase: The phase that ended last.
        labels: Labels bought so far.
        metrics: Latest value of every metric.
        reason: Why the experiment is over; empty while it is not.
    """

    step: int
    phase: ActiveLearningPhase
    labels: int
    metrics: Mapping[str, float]
    reason: str


class Steps(Iterator[StepResult]):
    """Iterator that runs one step, or one phase, each time it is asked; see ``alrun.steps``.

    Steps that were committed before are not run again, and not told: it begins where the run stands. Nothing is
    displayed.

    Attributes:
        driver: The driver, with ``learner``, pools and ``query(n)``; ``None`` where the run was finished already.
        run: The run, to be read while it goes on.
    """

    def __init__(self, experiment: Experiment, *, phases: bool = False, trust: Sequence[str] = ()) -> None:
        """Hold ``experiment``, and build everything; nothing runs yet.

        Raises:
            AlrunError: It cannot be run, or another process runs it.
        """
        self._by_phase = phases
        self._held = ExitStack()
        with generators_kept():
            self._session = self._held.enter_context(experiment.session(report=run_report))
        self._phases = self._session.phases()
        self.driver: Driver | None = self._session.driver
        self.run = Run(experiment.directory.path, trust=trust)

    def __next__(self) -> StepResult:
        """Run the next step or phase.

        Raises:
            AlrunError: What ended it; the same call to ``alrun.steps`` goes on from the last commit.
        """
        with generators_kept(), second_interrupt():
            for phase in self._phases:
                result = self._result(phase)
                if self._by_phase or result.reason or phase is ActiveLearningPhase.DATA_INTEGRATION:
                    return result
        self.close()
        raise StopIteration

    def _result(self, phase: ActiveLearningPhase) -> StepResult:
        driver = self.driver
        assert driver is not None  # noqa: S101 - only a driver has phases
        metrics = dict(driver.experiment.ledger.metrics)
        return StepResult(driver.active_learning_step_idx, phase, driver.labels_bought, metrics, driver.stop_reason)

    def close(self) -> None:
        """Let the run go, as far as it has come; the tables are written.

        Raises:
            AlrunError: What ended it, where it did not end by itself.
        """
        self._held.close()
        error = self._session.outcome.error
        if error is not None and not isinstance(error, Suspended):
            raise error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the run go."""
        self.close()
