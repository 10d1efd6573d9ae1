"""Lookup of the suite for a strategy that is given by name."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from alrun.core.needs import kind_of, needs_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.seeding import Seeds
from alrun.core.types import Task
from alrun.testing.cold_start import ColdStartConformance
from alrun.testing.host import source, supported_task
from alrun.testing.label import LabelConformance
from alrun.testing.metrology import MetrologyConformance
from alrun.testing.query import QueryConformance

__all__ = ["constructor", "requested_suites", "suite_for"]


def suite_for(strategy: type, build: Callable[..., Any], task: Task | None = None) -> type:
    """Return a conformance suite, named ``Test<Strategy>``, for the class ``strategy``.

    Query strategies with a class attribute ``requires_model = False`` are examined as cold starts; with
    ``max_samples_is_limit = True``, ``max_samples`` is read as an upper limit.

    Args:
        strategy: A class whose ``__protocol_type__`` tells its kind.
        build: Makes a new strategy; called with ``max_samples`` for query strategies.
        task: What a query or label strategy is examined on; ``None`` for the first task among its ``tasks``.
    """
    kind = kind_of(strategy)
    if kind == ActiveLearningPhase.QUERY:
        needs = needs_of(strategy)
        base: type = QueryConformance if needs.model else ColdStartConformance
        content = {
            "strategy": lambda _, max_samples: build(max_samples=max_samples),
            "exact": not needs.limit,
            "task": task,
        }
    elif kind in (ActiveLearningPhase.LABELING, ActiveLearningPhase.METROLOGY):
        base = LabelConformance if kind == ActiveLearningPhase.LABELING else MetrologyConformance
        content = {"strategy": lambda _: build(), "task": task}
    else:
        raise pytest.UsageError(f"{strategy.__name__} is no query, label or metrology strategy: no __protocol_type__")
    return type(f"Test{strategy.__name__}", (base,), content)


def constructor(strategy: type, arguments: Mapping[str, Any], task: Task | None = None) -> Callable[..., Any]:
    """Return what makes a ``strategy`` from ``arguments``, with ``spec`` and ``seeds`` added where it takes them."""
    offered = {"spec": source(task or supported_task(strategy)).spec, "seeds": Seeds(0)}
    taken = inspect.signature(strategy).parameters
    extra = {name: value for name, value in offered.items() if name in taken and name not in arguments}
    return lambda **more: strategy(**extra, **arguments, **more)


def requested_suites(config: pytest.Config) -> list[type]:
    """Return the suites for what ``--strategy`` names; it may lie in the working directory.

    Raises:
        pytest.UsageError: Nothing was named, it cannot be imported, or ``--strategy-args`` is no JSON object.
    """
    paths: list[str] = config.getoption("--strategy")
    if not paths:
        raise pytest.UsageError("name a strategy to examine: pytest --pyargs alrun.testing --strategy my_pkg.Mine")
    try:
        arguments = json.loads(config.getoption("--strategy-args"))
    except json.JSONDecodeError as error:
        raise pytest.UsageError(f"--strategy-args is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise pytest.UsageError("--strategy-args must be a JSON object, e.g. '{\"alpha\": 2}'")
    strategies = [_imported(path) for path in paths]
    return [suite_for(strategy, constructor(strategy, arguments)) for strategy in strategies]


def _imported(path: str) -> type:
    module, _, name = path.rpartition(".")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        strategy = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(f"cannot import --strategy {path}: {error}") from error
    if not isinstance(strategy, type):
        raise pytest.UsageError(f"--strategy {path} is not a class")
    return strategy
