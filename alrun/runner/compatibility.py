"""Checks that built objects go together, though each is fine by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.suggest import did_you_mean
from alrun.core.errors import ConfigError, Problem
from alrun.core.metrics import LOGGED, ambiguous_metrics, metric_recorders, qualified
from alrun.driver.apportion import VALIDATION
from alrun.driver.settings import Components
from alrun.runner.dry_run import device_problems, optimizer_problems

__all__ = ["between"]


def between(components: Components, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between built objects that each are fine by themselves."""
    yield from device_problems(config)
    yield from optimizer_problems(config, components.learner)
    yield from _size_problems(components, config)
    yield from _name_problems(components)
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
    """Yield monitors of stopping criteria that nothing records, or that several strategies record."""
    strategies = components.strategies
    declared = {name: getattr(strategy, "metrics", None) for name, strategy in strategies.metrology.items()}
    if any(metrics is None for metrics in declared.values()):
        return
    pairs = [(strategy, metric) for strategy, metrics in declared.items() for metric in metrics or ()]
    recorders = metric_recorders(pairs)
    several = ambiguous_metrics(recorders)
    valid = {*recorders, *(qualified(*pair) for pair in pairs)} - several.keys()
    for name, criterion in strategies.stopping.items():
        monitor, where = getattr(criterion, "monitor", None), f"stopping.{name}.monitor"
        if monitor in several:
            what = f"several metrology strategies record {monitor!r}: {', '.join(recorders[monitor])}"
            yield Problem(what, where, f"{where}={several[monitor][0]}")
        elif monitor is not None and monitor not in valid:
            hint = did_you_mean(str(monitor), valid, prefix=f"{where}=")
            yield Problem(f"no metrology strategy records {monitor!r}", where, hint)


def _name_problems(components: Components) -> Iterator[Problem]:
    """Yield strategies whose name the ledger has for something else."""
    sold = hasattr(components.pools.unlabeled, "validation_indices")
    strategies = components.strategies
    for group, chosen, name in (("query", strategies.query, VALIDATION), ("metrology", strategies.metrology, LOGGED)):
        if name in chosen and (sold or group != "query"):
            hint = f"'~{group}.{name}' '+{group}.my_{name}={{_target_: …}}'"
            yield Problem(f"the name {name!r} is taken: the records have it for another use", f"{group}.{name}", hint)


def _fit_problems(components: Components) -> Iterator[Problem]:
    task = components.spec.task if components.spec else None
    several = len(components.spec.tasks) if components.spec else 0
    # Several numbers are one target to who takes them together, unless some of them may be missing.
    by_class, by_task = task == "classification", hasattr(components.pools.unlabeled, "open_keys")
    groups: Mapping[str, Mapping[str, Any]] = {
        "query": components.strategies.query,
        "metrology": components.strategies.metrology,
        "learner": {_name(components.learner): components.learner},
    }
    for group, objects in groups.items():
        for name, value in objects.items():
            tasks = getattr(value, "tasks", None)
            if task and tasks and task not in tasks:
                yield Problem(f"{name} does not fit a {task}", group, f"see: alrun ls {group}")
            unfit = by_class if group == "query" else by_class or by_task
            if several and unfit and getattr(value, "multi_task", None) is False:
                yield Problem(f"{name} does not fit data with {several} tasks", group, f"{group}=multitask")


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
    for name, strategy in components.strategies.query.items():
        if getattr(strategy, "requires_stochastic", False) and not components.inference.stochastic:
            what = f"{name} needs posterior samples, which {_name(components.inference)} does not give so"
            yield Problem(what, "inference", "inference=mc_dropout, or inference=laplace inference.predictive=samples")
        for part in sorted(getattr(strategy, "requires_learner", ())):
            if not hasattr(components.learner, part):
                what = f"{name} needs a learner with a {part}, and {_name(components.learner)} has none"
                yield Problem(what, "query", "learner=adversarial" if part == "discriminator" else "")


def _name(value: Any) -> str:
    return type(value).__name__
