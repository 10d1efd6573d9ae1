"""Checks of a config that need nothing to be built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.bound import Node, bind, node_problems
from alrun.config.knobs import knob_problems, wrong_knobs
from alrun.config.listeners import on_error_problems
from alrun.config.signatures import argument_problems
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.learners import committee_of
from alrun.core.needs import unfit_problems, unmet_problems
from alrun.core.types import Task

__all__ = ["all_problems", "cheap_problems", "checked"]


def checked(config: Mapping[str, Any], trust: Trust) -> dict[str, Any]:
    """Return ``config`` bound to the objects that it names, which are the ones to build from.

    Raises:
        ConfigError: With everything that is wrong between configs and the classes they name.
    """
    tree, problems = _bound(config, trust)
    if problems:
        raise ConfigError(problems)
    return tree


def all_problems(config: Mapping[str, Any], trust: Trust) -> list[Problem]:
    """Return everything that is wrong; imports the classes that are named, unless one of them is not trusted."""
    problems = list(cheap_problems(config, trust))
    if any(node_problems(config, trust)):
        return problems
    consequences = tuple(f"{value!r} is not " for value in wrong_knobs(config))
    further = (p for p in _bound(config, trust)[1] if not p.what.startswith(consequences or "\0"))
    return problems + [problem for problem in further if problem not in problems]


def cheap_problems(config: Mapping[str, Any], trust: Trust) -> Iterator[Problem]:
    """Yield what is wrong with knobs, keys and the trust in targets; imports nothing."""
    yield from knob_problems(config)
    yield from on_error_problems(config)
    yield from node_problems(config, trust)


def _bound(config: Mapping[str, Any], trust: Trust) -> tuple[dict[str, Any], list[Problem]]:
    tree, problems = bind(config, trust)
    return tree, [*problems, *argument_problems(tree), *_compatibility_problems(tree)]


def _compatibility_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield strategies that do not go with the data's task or with the inference."""
    task, inference = _task(tree.get("data")), _loaded(tree.get("inference"))
    for group in ("query", "metrology"):
        chosen = tree.get(group)
        nodes = chosen if isinstance(chosen, Mapping) else {}
        classes = {str(name): _loaded(node) for name, node in nodes.items()}
        yield from unfit_problems(classes, task, group)
        if group == "query":
            stochastic, committee = getattr(inference, "stochastic", None), committee_of(_loaded(tree.get("learner")))
            name = getattr(inference, "__name__", "")
            yield from unmet_problems(classes, stochastic=stochastic, inference=name, committee=committee is not None)


def _loaded(node: Any) -> Any:
    return node.target if isinstance(node, Node) else None


def _task(data: Any) -> str | None:
    declared = getattr(data.target, "task", None) or data.arguments.get("task") if isinstance(data, Node) else None
    return str(declared) if declared in frozenset(Task) else None
