"""Sweep: its jobs are passed to Hydra's launcher, or to a sweeper that generates them itself.

Hydra is given its own checked node and nothing of the experiment. What travels to a job are its words; where it runs,
here or in a worker process, they are composed and checked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from alrun.callbacks.progress_state import JobCount
from alrun.cli.console import new_console
from alrun.cli.retry import apart, retried, unbroken
from alrun.cli.sweep_job import Answer, JobLoader, SweepJob, hydra_config
from alrun.cli.watch import drawn_meanwhile
from alrun.config.compat import BASIC_LAUNCHER, BASIC_SWEEPER, no_callbacks
from alrun.config.compose import Composer
from alrun.config.hydra_loader import installed_plugins_only
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.report.runs import Run, read_run
from alrun.runner.jobs import Job, Rehearsal, job_of, rehearsal
from alrun.runner.run import Experiment
from alrun.store.sweep_jobs import note_jobs

if TYPE_CHECKING:
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext

    from alrun.config.compose import Sweep

__all__ = ["launch", "progress"]


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
    answer = Answer.EXIT_CODE if times else Answer.ASKED if basic else Answer.OBJECTIVE_OR_ERROR
    job = SweepJob(composer, trust, answer, draws=draws, count=count)
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
    given = _given(JobLoader(composer, sweep), sweep, SweepJob(composer, trust, Answer.OBJECTIVE, draws=draws))
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
