"""Compatibility checks between objects that have been built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.core.errors import ConfigError, Problem
from alrun.core.learners import committee_of
from alrun.core.metrics import ambiguous_metrics, metric_recorders, qualified
from alrun.core.needs import (
    declared_metrics,
    monitor_of,
    several_tasks_problems,
    unfit_problems,
    unmet_problems,
)
from alrun.core.settings import EVERY
from alrun.core.suggest import did_you_mean
from alrun.driver.experiment import name_problems
from alrun.driver.settings import Components
from alrun.pool.foreign import pool_length, sells_by_task, sells_validation
from alrun.runner.dry_run import device_problems, optimizer_problems
from alrun.runner.learner_checks import learner_problems

__all__ = ["between"]


def between(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between built objects that each are fine by themselves."""
    yield from device_problems(config)
    yield from optimizer_problems(config, components.learner)
    yield from _size_problems(components, config)
    yield from name_problems(components)
    yield from _monitor_problems(components, config.get("objective"))
    yield from unmet_problems(
        components.strategies.query,
        stochastic=components.inference.stochastic,
        learner=components.learner,
        inference=_name(components.inference),
        committee=committee_of(components.learner) is not None,
    )
    yield from _fit_problems(components)
    yield from _calibration_problems(components, config)
    yield from _learner_problems(components)
    yield from learner_problems(components)


def _size_problems(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    rows = pool_length(components.pools.unlabeled)
    for key in ("initial_size", "query_size"):
        if rows is not None and rows < config[key] != EVERY:
            yield Problem(f"the pool holds {rows} rows, fewer than {config[key]}", key, f"at most {key}={rows}")


def _monitor_problems(components: Components, objective: str | None) -> Iterator[Problem]:
    """Yield metrics that criteria watch, or a sweeper optimises, and that nothing records, or several strategies do."""
    strategies = components.strategies
    declared = {name: declared_metrics(strategy) for name, strategy in strategies.metrology.items()}
    if any(metrics is None for metrics in declared.values()):
        return
    pairs = [(strategy, metric) for strategy, metrics in declared.items() for metric in metrics or ()]
    recorders = metric_recorders(pairs)
    several = ambiguous_metrics(recorders)
    valid = {*recorders, *(qualified(*pair) for pair in pairs)} - several.keys()
    summary, _, metric = (objective or "").rpartition(":")
    watched = [
        (monitor_of(criterion), f"stopping.{name}.monitor", f"stopping.{name}.monitor=")
        for name, criterion in strategies.stopping.items()
    ]
    for monitor, where, typed in [*watched, (metric or None, "objective", f"objective={summary or 'final'}:")]:
        if monitor in several:
            what = f"several metrology strategies record {monitor!r}: {', '.join(recorders[monitor])}"
            yield Problem(what, where, f"{typed}{several[monitor][0]}")
        elif monitor is not None and monitor not in valid:
            hint = did_you_mean(str(monitor), valid, prefix=typed)
            yield Problem(f"no metrology strategy records {monitor!r}", where, hint)


def _fit_problems(components: Components) -> Iterator[Problem]:
    task = components.spec.task if components.spec else None
    # Several numbers are one target to what takes them together, unless some of them may be missing.
    by_class, by_task = task == "classification", sells_by_task(components.pools.unlabeled)
    groups: Mapping[str, Mapping[str, Any]] = {
        "query": components.strategies.query,
        "metrology": components.strategies.metrology,
        "learner": {_name(components.learner): components.learner},
    }
    if task not in (None, "classification", "regression"):
        # With these two, a cold start or an annotator says by itself what it cannot do.
        groups = {**groups, "cold_start": components.strategies.cold_start, "label": components.strategies.label}
    for group, parts in groups.items():
        yield from unfit_problems(parts, task, group)
        if components.spec and components.spec.tasks and (by_class or (by_task and group != "query")):
            yield from several_tasks_problems(parts, components.spec, group)


def _calibration_problems(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why probabilities cannot be calibrated."""
    if config.get("calibration") is None:
        return
    pools = components.pools
    sold = sells_validation(pools.unlabeled) and len(pools.training) == 0
    if components.spec is None or components.spec.task != "classification":
        yield Problem("calibration=temperature needs a classification", "calibration", "calibration=null")
    elif not pools.validation and not sold:
        yield Problem("there is no validation pool to calibrate on", "calibration", "data.validation_size=0.1")


def _learner_problems(components: Components) -> Iterator[Problem]:
    """Yield why inference or training loop cannot work with the learner."""
    for part in (components.inference, components.training.loop):
        validate = getattr(part, "validate", None)
        if callable(validate):
            try:
                validate(components.learner)
            except ConfigError as error:
                yield from error.problems


def _name(value: Any) -> str:
    return type(value).__name__
