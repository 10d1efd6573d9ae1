"""The jobs of a sweep, checked before the first of them runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from alrun.config.compose import Composed
from alrun.config.identity import identity_of
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.runner.run import Experiment

__all__ = ["checked", "rehearsed"]


def checked(jobs: Iterable[Composed], trust: Trust) -> list[Experiment]:
    """Return one experiment a job, each checked as far as that can be done without building anything.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """
    return _gathered(jobs, trust, lambda experiment: experiment.check())


def rehearsed(jobs: Iterable[Composed], trust: Trust) -> list[Experiment]:
    """Return one experiment a job, each unfinished one built once; those that differ in the seed alone count as one.

    Raises:
        ConfigError: With everything that is wrong, over all jobs.
    """
    sources: dict[str, Any] = {}
    seen: set[str] = set()

    def rehearse(experiment: Experiment) -> None:
        key = json.dumps({**identity_of(experiment.config), "seed": 0}, sort_keys=True)
        if key not in seen and not experiment.finished():
            seen.add(key)
            experiment.rehearse(sources)

    return _gathered(jobs, trust, rehearse)


def _gathered(jobs: Iterable[Composed], trust: Trust, check: Callable[[Experiment], None]) -> list[Experiment]:
    experiments: list[Experiment] = []
    problems: dict[Problem, None] = {}
    for job in jobs:
        try:
            experiments.append(Experiment(job, trust))
            check(experiments[-1])
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(problems)
    return experiments
