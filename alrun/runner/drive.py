"""Session of a run: the driver runs in its directory, at once or by hand, and its end is recorded."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from alrun.config.secrets import Secrets
from alrun.core.errors import AlrunError, Interrupted, RunDirectoryLost, StoreError, StrategyError, Suspended
from alrun.core.showing import printable, typed
from alrun.runner.outcome import Outcome

if TYPE_CHECKING:
    from alrun.core.phases import ActiveLearningPhase
    from alrun.core.settings import Settings
    from alrun.driver.driver import Driver
    from alrun.driver.settings import Components
    from alrun.runner.journal import Journal
    from alrun.runner.tracking import Projector
    from alrun.store.lock import RunLock
    from alrun.store.rundir import RunDirectory

__all__ = ["Session", "driving"]


class Session:
    """A session of a run: open until the driver has come to an end, or until whoever has opened it leaves.

    Attributes:
        driver: What runs; ``None`` where nothing was left to do.
        outcome: How it ended; of an open one, how the run stood before.
    """

    def __init__(self, outcome: Outcome, driver: Driver | None = None, secrets: Secrets | None = None) -> None:
        """Bring ``driver`` on, none of whose errors holds one of the ``secrets``."""
        self.outcome, self.driver = outcome, driver
        self._secrets = secrets or Secrets()
        self._error: AlrunError | None = None

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the records by now."""
        return self.driver.experiment.ledger.records if self.driver is not None else ()

    def run(self) -> None:
        """Run until the end; what ends it is in ``outcome`` when the session is closed."""
        if self.driver is not None:
            self._error = _ended_by(self.driver, self._secrets, self.driver.run)

    def phases(self) -> Iterator[ActiveLearningPhase]:
        """Run phase by phase: yield after each; what ends it is in ``outcome`` when the session is closed."""
        advance = self.driver.phases() if self.driver is not None else iter(())
        passed: list[ActiveLearningPhase] = []
        while self.driver is not None:
            passed.clear()
            self._error = _ended_by(self.driver, self._secrets, lambda: passed.extend(islice(advance, 1)))
            if not passed:
                return
            yield passed[0]

    def close(self, journal: Journal) -> None:
        """Write the tables, and how it ended."""
        driver = self.driver
        if driver is not None:
            error = self._error or (None if driver.stop_reason else Suspended())
            error = _closed(driver, journal, error)
            exit_code = error.exit_code if error else 0
            self.outcome = Outcome(self.outcome.directory, journal.info, exit_code=exit_code, error=error)


@contextmanager
def driving(
    directory: RunDirectory,
    lock: RunLock,
    components: Components,
    settings: Settings,
    journal: Journal,
    secrets: Secrets,
    projector: Projector,
    notices: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Iterator[Session]:
    """Open a session; at its end write the records, and how it ended.

    Where the directory is no longer the one of ``lock``, nothing is written any more; nor is anything where an
    exception leaves the content.

    Args:
        directory: Where.
        lock: What holds it.
        components: The objects.
        settings: The numbers.
        journal: What is told there of how it goes.
        secrets: What no message may hold.
        projector: What hands the records on to trackers.
        notices: What is to be said before anything else.
        notes: What was made of the data, for the log.
    """
    from alrun.driver.driver import Driver
    from alrun.store.projections import changed_projections
    from alrun.store.run_store import RunStore

    logger = logging.getLogger(f"alrun.run.{directory.path.name}")
    handler = directory.log_handler(secrets.hidden)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        for notice in notices:
            logger.warning(notice)
            sys.stderr.write(f"warning: {printable(notice)}\n")
        for note in notes:
            logger.info("%s", note)
        for name, what in changed_projections(directory, journal.sealed):
            if name != directory.config.name:  # written already
                logger.warning("%s %s: written anew", name, what)
        with RunStore(directory, logger, lock, secrets.hidden) as store, secrets.kept():
            session = Session(Outcome(directory.path, journal.info), Driver(components, settings, store), secrets)
            projector.follow(lambda: session.records, secrets.hidden)
            yield session
            session.close(journal)
            if not isinstance(session.outcome.error, RunDirectoryLost):
                projector.finish()
    finally:
        logger.removeHandler(handler)
        handler.close()


def _ended_by(driver: Driver, secrets: Secrets, bring_on: Callable[[], None]) -> AlrunError | None:
    try:
        bring_on()
    except AlrunError as error:
        driver.logger.error("%s", error)
        return secrets.cleaned(error)
    except Exception as error:
        driver.logger.exception("the %s phase of step %d failed", driver.current_phase, driver.active_learning_step_idx)
        where = f"{driver.current_phase} of step {driver.active_learning_step_idx}"
        wrapped = StrategyError(
            f"{where}: {type(error).__name__}: {error}\n    → traceback in {driver.log_dir}/alrun.log"
        )
        wrapped.__cause__ = error
        return secrets.cleaned(wrapped)
    return None


def _closed(driver: Driver, journal: Journal, error: AlrunError | None) -> AlrunError | None:
    """Write how the run ended and tell it; return what ended it, which may be a callback that failed at being told."""
    from alrun.core.events import RunFinished

    error = _written(driver, journal, error)
    status, reason = _status(driver, error)
    try:
        driver.experiment.notify.tell(RunFinished, phase="", status=status, reason=reason)
    except AlrunError as failure:
        driver.logger.error("%s", failure)
        if error is None:
            journal.close("failed", str(failure))
        return error or failure
    return error


def _status(driver: Driver, error: AlrunError | None) -> tuple[str, str]:
    """Return how a session ended, and why."""
    if error is None:
        return "finished", driver.stop_reason
    return "interrupted" if isinstance(error, Interrupted) else "failed", str(error)


def _written(driver: Driver, journal: Journal, error: AlrunError | None) -> AlrunError | None:
    """Write the tables and how the session ended, if the directory still is that of the run; return what ended it."""
    from alrun.store.projections import sealed_projections

    try:
        driver.experiment.store.check()
    except RunDirectoryLost as lost:
        if error is None or not isinstance(error, RunDirectoryLost):
            driver.logger.error("%s", lost)
        return lost
    error = _untabled(driver) or error
    status, reason = _status(driver, error)
    journal.close(
        status,
        reason,
        labels=driver.labels_bought,
        metrics=dict(driver.experiment.ledger.metrics),
        measured=dict(driver.experiment.ledger.measured),
        step=driver.active_learning_step_idx,
        head=driver.state.digest,
        projections=sealed_projections(driver.experiment.store.directory),
    )
    return error


def _untabled(driver: Driver) -> AlrunError | None:
    """Write the tables; return why that cannot be: commits may have been made elsewhere, and hold anything."""
    try:
        driver.experiment.ledger.write(driver.experiment.store.directory)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        driver.logger.exception("the tables cannot be written")
        what = f"the commits of the run are inconsistent: {type(error).__name__}: {error}"
        return StoreError(f"{what}\n    → alrun verify {typed(driver.log_dir)} says more")
    return None
