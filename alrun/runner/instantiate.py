"""Instantiation of the nodes of a bound config: exactly the objects and arguments that were checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from alrun.config.bound import Node
from alrun.config.locations import folder_for
from alrun.core.errors import ConfigError, Problem

__all__ = ["instantiate"]

#: What a class says for its own key, which the config alone knows.
ANY = "query.*"
#: The exceptions of their constructors are of many kinds.
LIBRARIES = ("torch", "torchmetrics", "lightning")
REFUSALS: Mapping[bool, tuple[type[Exception], ...]] = {True: (Exception,), False: (TypeError, ValueError)}


def instantiate(
    node: Node, place: Path, offered: Mapping[str, Any] | None = None, inner: Mapping[str, Any] | None = None
) -> Any:
    """Build ``node`` and the nodes in it, the inner ones first.

    Containers are copied, so that no two objects share one. Text is never looked at.

    Args:
        node: Of a bound config.
        place: The run directory, below which the objects of libraries write.
        offered: Further arguments by name, for a target that takes them, is not given them, and is not partial.
        inner: Likewise, for the targets in it.

    Raises:
        ConfigError: A constructor refused its arguments.
    """
    positional = [_built(value, place, inner) for value in node.positional]
    arguments = {name: _built(value, place, inner) for name, value in node.arguments.items()}
    if node.location:
        arguments[node.location] = str(folder_for(node, place))
    if node.is_partial:
        return partial(node.target, *positional, **arguments)
    arguments = _taken(node.target, offered or {}) | arguments
    library = str(getattr(node.target, "__module__", "")).split(".")[0] in LIBRARIES
    try:
        return node.target(*positional, **arguments)
    except ConfigError as error:
        raise type(error)([_under_its_key(problem, node.where) for problem in error.problems]) from error
    except REFUSALS[library] as error:
        raise ConfigError(
            Problem(f"{node.name} refused it: {error}", node.where, _refusal_hint(node, error))
        ) from error


def _refusal_hint(node: Node, error: Exception) -> str:
    """Return what to type where a constructor refuses an argument, which it may name."""
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if unexpected and unexpected[1] in node.arguments:
        return f"~{node.where}.{unexpected[1]}"
    return f"alrun --cfg job shows its arguments, as {node.where}"


def _under_its_key(problem: Problem, key: str) -> Problem:
    """Return ``problem`` with the key of the node in place of the ``query.*`` of a class that does not know its own."""
    rest = problem.where.removeprefix(ANY)
    if rest == problem.where:
        return problem
    inside = next((part for part in (".features", ".selector") if key.endswith(part) and rest.startswith(part)), "")
    strategy = key.removesuffix(inside)
    return replace(problem, where=f"{strategy}{rest}", hint=problem.hint.replace(ANY, strategy))


def _built(value: Any, place: Path, inner: Mapping[str, Any] | None) -> Any:
    if isinstance(value, Node):
        return instantiate(value, place, inner, inner)
    if isinstance(value, Mapping):
        return {key: _built(item, place, inner) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_built(item, place, inner) for item in value]
    return value


def _taken(target: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in offered.items() if value is not None}
    try:
        parameters = inspect.signature(target).parameters if given else {}
    except (ValueError, TypeError):
        return {}
    return {name: value for name, value in given.items() if name in parameters}
