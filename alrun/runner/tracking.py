"""Projection of a run into its trackers, which never stops or changes the run."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from alrun.config.paths import conf_dir
from alrun.core.callback import Callback
from alrun.core.errors import Interrupted
from alrun.core.events import PhaseFinished
from alrun.core.phases import ActiveLearningPhase
from alrun.core.showing import printable, typed
from alrun.core.tracking import TrackedRun, Tracker
from alrun.runner.tracked import MeasuredSteps, tracked_run
from alrun.store.files import write_atomic
from alrun.store.rundir import RunDirectory

__all__ = ["REPORT", "Projector", "Report", "projected"]

#: Returns the report on the run in a directory, as a page; nothing where it cannot be made.
Report = Callable[[Path], bytes | None]
#: A tracker that fails is tried again after so many times as long as it took to fail, so that it costs a tenth at most.
PAUSE = 9.0
FILES = ("config.yaml", "records.parquet", "acquisitions.parquet", "timing.csv")
REPORT = "report.html"


class Projector(Callback):
    """Brings trackers to hold what the records of a run hold, after each measured step and when the session ends.

    A tracker that fails is told of once and tried again at the next step.
    """

    def __init__(
        self,
        trackers: Mapping[str, Tracker],
        directory: RunDirectory,
        config: Mapping[str, Any],
        info: Callable[[], Mapping[str, Any]],
        report: Report | None = None,
    ) -> None:
        """Project the run in ``directory``.

        Args:
            trackers: By the name of their option.
            directory: The run.
            config: Its config, without the values of secrets.
            info: Returns ``run.json`` as it is now.
            report: Makes the report that goes along with a finished run.
        """
        self._trackers = trackers
        self._directory, self._config, self._info, self._report = directory, config, info, report
        self._steps = MeasuredSteps(directory.checkpoints)
        self._rows: Callable[[], Sequence[Mapping[str, Any]]] = lambda: ()
        self._hidden: Callable[[str], str] = str
        self._logger = logging.getLogger(f"alrun.run.{directory.path.name}")
        self._failed: dict[str, str] = {}
        self._not_before: dict[str, float] = {}

    def follow(self, rows: Callable[[], Sequence[Mapping[str, Any]]], hidden: Callable[[str], str] = str) -> None:
        """Take the records from ``rows``; ``hidden`` takes secrets out of messages."""
        self._rows, self._hidden = rows, hidden

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Project what has been measured."""
        if self._trackers and event.phase == ActiveLearningPhase.METROLOGY:
            self._project(self._run())

    def finish(self) -> bool:
        """Project how the session ended, say what a tracker did not take, and return whether they took everything."""
        if not self._trackers:
            return True
        run = self._run()
        self._not_before.clear()
        if any(tracker.keeps_files for tracker in self._trackers.values()):
            run = replace(run, files=dict(self._files(run)))
        self._project(run)
        for tracker in self._trackers.values():
            with _left_alone():
                tracker.close()
        for name, why in self._failed.items():
            self._say(f"{name} does not hold the whole run: {why}\n    → {self._again(name)} sends what is missing")
        return not self._failed

    def _again(self, name: str) -> str:
        if not (conf_dir() / "logger" / f"{name}.yaml").is_file():
            return "the same command again"
        return f"alrun track {typed(self._directory.path)} logger={name}"

    def _run(self) -> TrackedRun:
        info = self._info()
        points = self._steps.of(self._rows(), whole=info["status"] == "finished")
        return tracked_run(self._directory, info, self._config, points)

    def _project(self, run: TrackedRun) -> None:
        for name, tracker in self._trackers.items():
            started = time.monotonic()
            if started < self._not_before.get(name, 0.0):
                continue
            why = projected(tracker, run)
            if why is None:
                self._failed.pop(name, None)
                continue
            ended = time.monotonic()
            self._not_before[name] = ended + PAUSE * (ended - started)
            why = self._hidden(why)
            self._logger.warning("tracker %s: %s", name, why)
            if name not in self._failed and run.status == "running":
                self._say(f"{name} cannot be reached, the run goes on: {why}")
            self._failed[name] = why

    def _files(self, run: TrackedRun) -> Iterator[tuple[str, Path]]:
        yield from ((name, run.directory / name) for name in FILES if (run.directory / name).is_file())
        if self._report is not None and run.status == "finished":
            path = run.directory / "report" / REPORT
            try:
                page = self._report(run.directory)
                if page is not None:
                    write_atomic(path, page, durable=False)
                    yield REPORT, path
            except Exception as error:
                self._logger.warning("there is no report to hand on: %s: %s", type(error).__name__, error)

    def _say(self, what: str) -> None:
        first, _, rest = what.partition("\n")
        sys.stderr.write(f"warning: {printable(first)}\n" + (f"{rest}\n" if rest else ""))


def projected(tracker: Tracker, run: TrackedRun) -> str | None:
    """Have ``tracker`` hold ``run``; return why it does not, where it has failed and was closed."""
    with _left_alone():
        try:
            tracker.project(run)
        except Interrupted:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        else:
            return None
        try:
            tracker.close()
        except Exception as error:
            return f"{why} ({type(error).__name__} when it was closed)"
        return why


@contextmanager
def _left_alone() -> Iterator[None]:
    """Put the global generators back, which a run draws from: libraries of trackers do so too."""
    if "torch" not in sys.modules:
        yield
        return
    from alrun.core.generators import generators_kept

    with generators_kept():
        yield
