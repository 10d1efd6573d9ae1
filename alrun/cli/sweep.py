"""Sweep: its jobs are passed to Hydra's launcher, or to a sweeper that generates them itself.

Hydra is given its own checked node and nothing of the experiment. What travels to a job are its words; where it runs,
here or in a worker process, they are composed and checked again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.callbacks.progress_state import JobCount
from alrun.cli.console import new_console
from alrun.cli.interrupts import Stopped
from alrun.cli.listening import listeners
from alrun.cli.retry import apart, retried, unbroken
from alrun.cli.run_report import run_report
from alrun.cli.show import problem_text
from alrun.cli.watch import drawn_meanwhile
from alrun.config.compat import BASIC_LAUNCHER, BASIC_SWEEPER, ConfigLoaderImpl, no_callbacks
from alrun.config.compose import Composer
from alrun.config.hydra_loader import installed_plugins_only, search_path
from alrun.config.hydra_node import UNUSED
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, Interrupted, Problem
from alrun.core.process import Process
from alrun.report.objective import Objective
from alrun.report.runs import Run, read_run
from alrun.runner.jobs import Job, Rehearsal, job_of, rehearsal
from alrun.runner.run import Experiment
from alrun.runner.worker import end_with
from alrun.store.sweep_jobs import note_jobs

if TYPE_CHECKING:
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext
    from omegaconf import DictConfig

    from alrun.config.compose import Sweep

__all__ = ["launch", "progress"]

WORDS = "words"


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """Yield what to call after each job that was checked; a terminal shows how far that is."""
    from rich.progress import Progress

    console = new_console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("checking jobs", total=total)
        yield lambda: bar.advance(task)


def launch(composer: Composer, trust: Trust, sweep: Sweep, found: Rehearsal) -> Iterator[str]:
    """Run the jobs that are not finished; a sweeper that finds its jobs itself has ``found.jobs`` hold those instead.

    Returns:
        What there is to say of it afterwards, line by line.

    Raises:
        ConfigError: The launcher or the sweeper is not installed, or refuses its arguments.
        LockedError: Another process runs the same search.
        Stopped: A signal ended it.
    """
    if found.space is not None:
        return _search(composer, trust, sweep, found)
    jobs = found.jobs
    unfinished = [(number, job.words) for number, job in enumerate(jobs) if not job.finished]
    basic = sweep.hydra["sweeper"]["_target_"] == BASIC_SWEEPER
    if basic and not unfinished:
        return iter(())
    loader = JobLoader(composer, sweep)
    draws = _one_by_one(sweep)
    times = int(composer.compose(unfinished[0][1]).config["retry"]) if basic else 0
    count = JobCount(len(jobs), len(jobs) - len(unfinished), time.monotonic()) if basic and not times else None
    job = SweepJob(composer, trust, raises=not basic, answers=not basic, draws=draws, count=count, tells=bool(times))
    given = _given(loader, sweep, job)
    from hydra.core.plugins import Plugins

    plugins = Plugins.instance()
    with _said_in_alruns_words(sweep.hydra):
        if not basic:
            jobs.clear()
            with _noting(plugins, lambda words: jobs.append(job_of(composer.compose(loader.words_of(words)), trust))):
                sweeper = plugins.instantiate_sweeper(**given)
            sweeper.sweep(arguments=list(loader.task_words))
            return iter(())
        launcher = plugins.instantiate_launcher(**given)

    def launched(jobs: Sequence[tuple[int, tuple[str, ...]]]) -> Sequence[Any]:
        answers: list[Any] = []
        for batch in _batches(jobs, sweep.hydra):
            found = launcher.launch([list(words) for _, words in batch], initial_job_idx=batch[0][0])
            answers += [answer.return_value for answer in found]
        return answers

    _note(jobs)
    with _shown(jobs, draws):
        if times:
            alone = partial(apart, job.exit_code) if draws else unbroken(launched)
            return iter(retried(alone, unfinished, times))
        launched(unfinished)
    return iter(())


def _one_by_one(sweep: Sweep) -> bool:
    return bool(sweep.hydra["launcher"]["_target_"] == BASIC_LAUNCHER)


def _shown(jobs: Sequence[Job], draws: bool) -> AbstractContextManager[None]:
    """Show ``jobs`` on a terminal, unless each of them draws itself."""
    return nullcontext() if draws else drawn_meanwhile(lambda: _begun(jobs), new_console(stderr=True))


def _note(jobs: Sequence[Job]) -> None:
    """Note beside the runs which of them the sweep asks for, where there are several."""
    for folder in {job.directory.path.parent for job in jobs}:
        names = [job.directory.path.name for job in jobs if job.directory.path.parent == folder]
        if len(jobs) > 1:
            note_jobs(folder, names)


def _begun(jobs: Sequence[Job]) -> tuple[Sequence[Run], int]:
    """Return the runs of ``jobs`` that have begun, and the number of the others."""
    places = [job.directory.path for job in jobs if job.directory.exists]
    return [read_run(place) for place in places], len(jobs) - len(places)


def _given(loader: JobLoader, sweep: Sweep, job: SweepJob) -> dict[str, Any]:
    return {"hydra_context": _context(loader), "task_function": job, "config": hydra_config(sweep.hydra, [])}


def _search(composer: Composer, trust: Trust, sweep: Sweep, found: Rehearsal) -> Iterator[str]:
    """Have a study choose the jobs."""
    from hydra.core.plugins import Plugins

    from alrun.cli.optuna_study import OptunaStudy
    from alrun.runner.search import better, searched

    (base,), space = found.jobs, found.space
    assert space is not None  # noqa: S101 - the caller has seen to it
    experiment = Experiment(composer.compose(base.words), trust)
    study = OptunaStudy(
        sweep.hydra["sweeper"], space, searched(experiment), base.directory.path.parent, better(experiment)
    )
    draws = _one_by_one(sweep)
    given = _given(
        JobLoader(composer, sweep), sweep, SweepJob(composer, trust, raises=False, answers=True, draws=draws)
    )
    with _said_in_alruns_words(sweep.hydra):
        launcher = Plugins.instance().instantiate_launcher(**given)
    rehearse = rehearsal()

    def run(jobs: Sequence[Sequence[str]], first: int) -> list[float | None]:
        return [answer.return_value for answer in launcher.launch(jobs, initial_job_idx=first)]

    def fits(job: Job) -> None:
        if not job.finished:
            rehearse(Experiment(composer.compose(job.words), trust))

    found.jobs.clear()
    try:
        with _shown(study.jobs, draws):
            study.run(run, lambda words: job_of(composer.compose(words), trust), fits)
    finally:
        found.jobs.extend(study.jobs)
    return study.told()


@contextmanager
def _noting(plugins: Plugins, note: Callable[[Sequence[str]], None]) -> Iterator[None]:
    """Have launchers that are made meanwhile, by whichever sweeper, call ``note`` with the words of each job."""
    make = plugins.instantiate_launcher

    def made(**given: Any) -> Any:
        launcher = make(**given)
        launch = launcher.launch

        def noted(job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            for words in job_overrides:
                note(words)
            return launch(job_overrides, initial_job_idx=initial_job_idx)

        launcher.launch = noted  # type: ignore[method-assign]
        return launcher

    plugins.instantiate_launcher = made  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del plugins.instantiate_launcher


def _batches(
    jobs: Sequence[tuple[int, tuple[str, ...]]], hydra: Mapping[str, Any]
) -> Iterator[Sequence[tuple[int, tuple[str, ...]]]]:
    """Yield what is launched together: one by one where they run one by one, so that nothing of them is kept."""
    limit = hydra["sweeper"].get("max_batch_size") or len(jobs)
    size = 1 if hydra["launcher"]["_target_"] == BASIC_LAUNCHER else max(1, limit)
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]


@contextmanager
def _said_in_alruns_words(hydra: Mapping[str, Any]) -> Iterator[None]:
    from hydra.errors import HydraException

    try:
        yield
    except (HydraException, ImportError, RuntimeError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(Problem(what, "hydra.launcher", "hydra/launcher=basic")) from error


def _context(loader: JobLoader) -> HydraContext:
    from hydra.types import HydraContext

    installed_plugins_only()
    return HydraContext(config_loader=loader, callbacks=no_callbacks())


def hydra_config(hydra: Mapping[str, Any], words: Sequence[str]) -> DictConfig:
    """Return what Hydra is given: its own node, and the words of a job as a text that holds no interpolation."""
    from hydra.conf import HydraConf
    from omegaconf import OmegaConf

    kept: dict[Any, Any] = {key: value for key, value in hydra.items() if key not in UNUSED}
    runtime = {key: value for key, value in hydra["runtime"].items() if key in ("version", "version_base", "cwd")}
    node = OmegaConf.merge(
        OmegaConf.structured(HydraConf(defaults=[])), {**kept, "runtime": runtime, "mode": "MULTIRUN"}
    )
    return OmegaConf.create({WORDS: json.dumps(list(words)).replace("$", "\\u0024"), "hydra": node})


class JobLoader(ConfigLoaderImpl):
    """Gives Hydra the config of a job: its own checked node, and the job's words."""

    def __init__(self, composer: Composer, sweep: Sweep) -> None:
        """Load jobs of ``sweep`` through ``composer``."""
        super().__init__(search_path(composer.config_dir))
        self._composer = composer
        self._searched = sweep.hydra if sweep.space is not None else None
        single = [word for word in sweep.given if not word.lstrip("+~").startswith("hydra")]
        self.task_words = single
        self._hydra_words = [word for word in sweep.given if word not in single]

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of the job with the words ``sweep_overrides``.

        Raises:
            ConfigError: With everything that is wrong with it.
        """
        if self._searched is not None:
            return hydra_config(self._searched, sweep_overrides)
        words = self.words_of(sweep_overrides)
        return hydra_config(self._composer.compose(words).hydra, words)

    def words_of(self, found: Sequence[str]) -> list[str]:
        """Return all words of the job for which the sweeper has ``found`` some."""
        return [*(word for word in self._hydra_words if word not in found), *found]


class SweepJob:
    """What Hydra calls for each job of a sweep, here or in a worker process; one that fails does not end the others."""

    def __init__(
        self,
        composer: Composer,
        trust: Trust,
        *,
        raises: bool,
        answers: bool,
        draws: bool = False,
        count: JobCount | None = None,
        tells: bool = False,
    ) -> None:
        """Run jobs.

        Args:
            composer: Composes them.
            trust: The allowlist.
            raises: The sweeper takes an error for the end of a job.
            answers: The sweeper looks at what a job returns.
            draws: A terminal is free for its display.
            count: Counts the jobs of a sweep that runs them one by one.
            tells: Exit codes are wanted in place of objectives.
        """
        self._composer = composer
        self._trust = trust
        self._raises = raises
        self._answers = answers
        self._draws = draws
        self._count = count
        self._tells = tells
        self._sweep = Process.at(os.getpid())

    def __call__(self, config: DictConfig) -> float | None:
        """Run one job; an interrupt ends the sweep, whose end ends its workers.

        Returns:
            The exit code, if that is wanted; else the objective, ``None`` where the job failed or there is none.

        Raises:
            AlrunError: The job failed, and the sweeper waits for that.
        """
        words = tuple(json.loads(config[WORDS]))
        return self.exit_code(words) if self._tells else self._value(words)

    def exit_code(self, words: tuple[str, ...]) -> int:
        """Run the job of ``words``, and return its exit code; an error is printed.

        Raises:
            Stopped: A signal arrived.
        """
        end_with(self._sweep)
        try:
            experiment = Experiment(self._composer.compose(words), self._trust)
            outcome = experiment.run(listeners(experiment, drawn=self._draws), run_report)
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
            return error.exit_code
        if isinstance(outcome.error, Interrupted):
            raise Stopped(outcome.error.signum)
        if outcome.error is not None:
            sys.stderr.write(problem_text(outcome.error))
        return outcome.exit_code

    def _value(self, words: tuple[str, ...]) -> float | None:
        end_with(self._sweep)
        failed = True
        try:
            experiment = Experiment(self._composer.compose(words), self._trust)
            outcome = experiment.run(listeners(experiment, self._count, drawn=self._draws), run_report)
            failed = outcome.error is not None
            if isinstance(outcome.error, Interrupted):
                raise Stopped(outcome.error.signum)
            if outcome.error is not None:
                raise outcome.error
            return self._objective(experiment.config.get("objective"), outcome.directory)
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
            if self._raises:
                raise
            return None
        finally:
            if self._count:
                self._count.count(failed=failed)

    def _objective(self, text: str | None, directory: Path) -> float | None:
        """Return the objective of a finished run; ``None`` where nobody asks for one."""
        return Objective.parse(text).of(directory) if text or self._answers else None
