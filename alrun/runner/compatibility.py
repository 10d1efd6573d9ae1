"""Checks that built objects go together, though each is fine by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.suggest import did_you_mean
from alrun.core.errors import ConfigError, Problem
from alrun.driver.settings import Components
from alrun.runner.dry_run import device_problems, optimizer_problems

__all__ = ["between"]


def between(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between built objects that each are fine by themselves."""
    yield from device_problems(config)
    yield from optimizer_problems(config, components.learner)
    yield from _size_problems(components, config)
    yield from _monitor_problems(components)
    yield from _lacking_problems(components)
    yield from _fit_problems(components)
    yield from _calibration_problems(components, config)
    yield from _learner_problems(components)


def _size_problems(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    pool = components.pools.unlabeled
    if pool is None or not hasattr(pool, "__len__"):
        return
    for key in ("initial_size", "query_size"):
        if config[key] > len(pool):
            hint = f"at most {key}={len(pool)}"
            yield Problem(f"the pool holds {len(pool)} rows, fewer than {config[key]}", key, hint)


def _monitor_problems(components: Components) -> Iterator[Problem]:
    declared = [getattr(strategy, "metrics", None) for strategy in components.metrology_strategies]
    if any(names is None for names in declared):
        return
    valid = {name for names in declared for name in names or ()}
    for criterion in components.stopping:
        monitor = getattr(criterion, "monitor", None)
        if monitor is not None and monitor not in valid:
            hint = did_you_mean(str(monitor), valid)
            yield Problem(f"no metrology strategy logs {monitor!r}", f"stopping.*.monitor of {_name(criterion)}", hint)


def _fit_problems(components: Components) -> Iterator[Problem]:
    task = components.spec.task if components.spec else None
    several = len(components.spec.tasks) if components.spec else 0
    # Several numbers are one target to who takes them together, unless some of them may be missing.
    by_class, by_task = task == "classification", hasattr(components.pools.unlabeled, "open_keys")
    groups = {
        "query": components.query_strategies,
        "metrology": components.metrology_strategies,
        "learner": [components.learner],
    }
    for group, objects in groups.items():
        for value in objects:
            tasks = getattr(value, "tasks", None)
            if task and tasks and task not in tasks:
                yield Problem(f"{_name(value)} does not fit a {task}", group, f"see: alrun ls {group}")
            unfit = by_class if group == "query" else by_class or by_task
            if several and unfit and getattr(value, "multi_task", None) is False:
                yield Problem(f"{_name(value)} does not fit data with {several} tasks", group, f"{group}=multitask")


def _calibration_problems(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why probabilities cannot be calibrated."""
    if config.get("calibration") is None:
        return
    pools = components.pools
    sold = hasattr(pools.unlabeled, "validation_indices") and len(pools.training) == 0
    if components.spec is None or components.spec.task != "classification":
        yield Problem("temperatures are for classifications", "calibration", "calibration=null")
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


def _lacking_problems(components: Components) -> Iterator[Problem]:
    """Yield strategies that need something of the learner or of the inference that these do not have."""
    for strategy in components.query_strategies:
        if getattr(strategy, "requires_stochastic", False) and not components.inference.stochastic:
            what = f"{_name(strategy)} needs posterior samples, which {_name(components.inference)} does not give so"
            yield Problem(what, "inference", "inference=mc_dropout, or inference=laplace inference.predictive=samples")
        for part in sorted(getattr(strategy, "requires_learner", ())):
            if not hasattr(components.learner, part):
                what = f"{_name(strategy)} needs a learner with a {part}, and {_name(components.learner)} has none"
                yield Problem(what, "query", "learner=adversarial" if part == "discriminator" else "")


def _name(value: Any) -> str:
    return type(value).__name__
