"""Jobs of a sweep, all checked before the first of them runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from alrun.config.compose import Composed, Sweep
from alrun.config.identity import identity_of
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.runner.run import Experiment
from alrun.store.rundir import RunDirectory

__all__ = ["Job", "checked", "job_of", "rehearsed"]

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


def checked(sweep: Sweep, trust: Trust) -> list[Job]:
    """Return the jobs, each checked as far as that can be done without building anything.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """

    def check(experiment: Experiment) -> tuple[str, ...]:
        experiment.check()
        return ()

    return _gathered(sweep, trust, check, lambda: None)


def rehearsed(sweep: Sweep, trust: Trust, advance: Callable[[], None] = lambda: None) -> list[Job]:
    """Return the jobs, each unfinished one built once; those that differ in the seed alone count as one.

    Args:
        sweep: The sweep.
        trust: The allowlist.
        advance: Called after each job.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """
    sources: dict[str, Any] = {}

    def rehearse(experiment: Experiment) -> tuple[str, ...]:
        while len(sources) > SOURCES:
            del sources[next(iter(sources))]
        return experiment.rehearse(sources)

    return _gathered(sweep, trust, rehearse, advance)


def _gathered(
    sweep: Sweep, trust: Trust, check: Callable[[Experiment], tuple[str, ...]], advance: Callable[[], None]
) -> list[Job]:
    jobs: list[Job] = []
    seen: set[bytes] = set()
    problems: dict[Problem, None] = {}
    for words in sweep.words:
        try:
            experiment = Experiment(sweep.compose(words), trust)
            finished = experiment.finished() is not None
            jobs.append(Job(words, experiment.directory, finished))
            key = _apart_from_seed(experiment)
            if not finished and key not in seen:
                seen.add(key)
                jobs[-1] = replace(jobs[-1], notes=check(experiment))
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
        advance()
    if problems:
        raise ConfigError(problems)
    return jobs


def _apart_from_seed(experiment: Experiment) -> bytes:
    text = json.dumps({**experiment.config, **identity_of(experiment.config), "seed": 0}, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()
