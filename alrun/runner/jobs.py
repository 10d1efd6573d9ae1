"""Jobs of a sweep, all checked before the first of them runs."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alrun.config.compose import Composed, Sweep
from alrun.config.identity import identity_of
from alrun.config.space import Space
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.runner.run import Experiment
from alrun.store.rundir import RunDirectory

__all__ = ["Job", "Rehearsal", "checked", "job_of", "rehearsal", "rehearsed"]

#: Looks at an experiment, and returns what was made of its data.
Check = Callable[[Experiment], tuple[str, ...]]

#: Data sets that rehearsals share at a time.
SOURCES = 4


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        words: What it is composed from.
        directory: Where it lies.
        finished: Whether it was finished before.
        notes: What was made of its data, where they were looked at.
    """

    words: tuple[str, ...]
    directory: RunDirectory
    finished: bool
    notes: tuple[str, ...] = ()


def job_of(composed: Composed, trust: Trust) -> Job:
    """Return the job that ``composed`` describes.

    Raises:
        ConfigError: It cannot be run as described.
    """
    experiment = Experiment(composed, trust)
    return Job(composed.words, experiment.directory, experiment.finished() is not None)


@dataclass(frozen=True)
class Rehearsal:
    """What is known of a sweep before its first job.

    Attributes:
        jobs: Those that can be run; of a search, one.
        skipped: Words of jobs, or options, that do not fit the rest and were asked for by a pattern alone, with why.
        space: What fits of the space that is searched.
    """

    jobs: list[Job]
    skipped: Mapping[str, ConfigError] = field(default_factory=dict)
    space: Space | None = None


def checked(sweep: Sweep, trust: Trust) -> Rehearsal:
    """Check each job as far as that can be done without building anything.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """

    def check(experiment: Experiment) -> tuple[str, ...]:
        experiment.check()
        return ()

    return _gathered(sweep, trust, check, lambda: None)


def rehearsed(sweep: Sweep, trust: Trust, advance: Callable[[], None] = lambda: None) -> Rehearsal:
    """Build each unfinished job once; those that differ in the seed alone count as one.

    Args:
        sweep: The sweep.
        trust: The allowlist.
        advance: Called after each job.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """
    return _gathered(sweep, trust, rehearsal(), advance)


def rehearsal() -> Check:
    """Return what builds one experiment after the other, and shares their data."""
    sources: dict[str, Any] = {}

    def rehearse(experiment: Experiment) -> tuple[str, ...]:
        while len(sources) > SOURCES:
            del sources[next(iter(sources))]
        return experiment.rehearse(sources)

    return rehearse


class _Examination:
    """Checks jobs one by one, each kind once."""

    def __init__(self, sweep: Sweep, trust: Trust, check: Check) -> None:
        """Have ``check`` look at the jobs of ``sweep``."""
        self._sweep = sweep
        self._trust = trust
        self._check = check
        self._seen: dict[bytes, ConfigError | None] = {}

    def __call__(self, words: tuple[str, ...]) -> Job:
        """Return the job of ``words``.

        Raises:
            ConfigError: With everything that is wrong with it.
        """
        experiment = Experiment(self._sweep.compose(words), self._trust)
        job = Job(words, experiment.directory, experiment.finished() is not None)
        key = _apart_from_seed(experiment)
        known = self._seen.get(key)
        if known is not None:
            raise known
        if job.finished or key in self._seen:
            return job
        try:
            notes = self._check(experiment)
        except ConfigError as error:
            self._seen[key] = error
            raise
        self._seen[key] = None
        return replace(job, notes=notes)


def _gathered(sweep: Sweep, trust: Trust, check: Check, advance: Callable[[], None]) -> Rehearsal:
    examine = _Examination(sweep, trust, check)
    if sweep.space is not None:
        return _searched(sweep.space, examine)
    jobs: list[Job] = []
    failed: dict[tuple[str, ...], ConfigError] = {}
    for words in sweep.words:
        try:
            jobs.append(examine(words))
        except ConfigError as error:
            failed[words] = error
        advance()

    def chosen(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word for word in words if word not in sweep.globbed)

    sound = {chosen(job.words) for job in jobs}
    skipped = {shlex.join(words): error for words, error in failed.items() if chosen(words) in sound}
    _raise_all(error for words, error in failed.items() if chosen(words) not in sound)
    return Rehearsal(jobs, skipped)


def _searched(space: Space, examine: Callable[[tuple[str, ...]], Job]) -> Rehearsal:
    """Examine one job, and those that differ from it in one key, or in two where that one alone does not fit."""

    def error_of(**values: Any) -> ConfigError | None:
        try:
            examine(space.job({**base, **values}))
        except ConfigError as error:
            return error
        return None

    each = [(key, value) for key, one in space.dimensions.items() for value in one.probes]
    base = {key: one.probes[0] for key, one in space.dimensions.items()}
    error = error_of()
    if error is not None:
        base |= [next((pair for pair in each if error_of(**dict([pair])) is None), ("", None))]
        if "" in base:
            raise error
    skipped: dict[str, ConfigError] = {}
    wrong: list[ConfigError] = []
    fitting = space
    for key, value in each:
        error = error_of(**{key: value})
        if error is None or any(error_of(**{key: value, other: one}) is None for other, one in each if other != key):
            continue
        if space.dimensions[key].is_glob:
            skipped[space.dimensions[key].word(value)] = error
            fitting = fitting.without(key, [value])
        else:
            wrong.append(error)
    _raise_all(wrong)
    return Rehearsal([examine(space.job(base))], skipped, fitting)


def _raise_all(errors: Iterable[ConfigError]) -> None:
    problems = dict.fromkeys(problem for error in errors for problem in error.problems)
    if problems:
        raise ConfigError(problems)


def _apart_from_seed(experiment: Experiment) -> bytes:
    text = json.dumps({**experiment.config, **identity_of(experiment.config), "seed": 0}, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()
