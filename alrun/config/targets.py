"""Which ``_target_`` may be built: an allowlist, checked by name before import and by the object after it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

from alrun.config.suggest import did_you_mean
from alrun.core.errors import Problem

__all__ = ["Trust", "iterate_targets", "load_target"]

ROOMS = (
    "data",
    "backbone",
    "learner",
    "training",
    "inference",
    "query",
    "cold_start",
    "label",
    "metrology",
    "stopping",
    "callbacks",
)
#: What alrun wraps: modules that only build objects of their kind.
LIBRARIES = (
    "torch.optim",
    "torch.nn",
    "torchmetrics",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.plugins",
    "lightning.pytorch.profilers",
    "lightning.fabric.strategies",
    "lightning.fabric.plugins",
)
#: Modules where some of the above define what they re-export.
DEFINING = (*LIBRARIES, "lightning.pytorch", "lightning.fabric")
ENTRY_POINTS = "alrun.plugins"
NAME = re.compile(r"\w+(\.\w+)+")


class Trust:
    """The allowlist of one invocation.

    It is made from this module, installed plugins and the command line; nothing in a config can widen it.
    """

    def __init__(self, packages: Sequence[str] = ()) -> None:
        """Trust ``packages`` (from ``--trust``) beyond alrun's own rooms, the wrapped libraries and plugins."""
        self.packages = tuple(packages)

    @cached_property
    def _own(self) -> tuple[str, ...]:
        return (*(f"alrun.{room}" for room in ROOMS), *self.packages, *_plugins())

    def allows_name(self, target: str) -> bool:
        """Return whether ``target`` may be imported; a double underscore leads behind a class, never to one."""
        return "__" not in target and _below(target, (*LIBRARIES, *self._own))

    def allows_target(self, target: Any) -> bool:
        """Return whether the ``_target_`` of a node is a name that may be imported."""
        return isinstance(target, str) and self.allows_name(target)

    def allows_object(self, value: Any) -> bool:
        """Return whether an imported object comes from where it may come from, whatever name led to it."""
        module = getattr(value, "__module__", None)
        return callable(value) and isinstance(module, str) and _below(module, (*DEFINING, *self._own))

    def refusal(self, target: Any, where: str) -> Problem:
        """Return the problem of a target that is not allowed, or is no name at all."""
        if not isinstance(target, str) or not NAME.fullmatch(target):
            return Problem(f"_target_ {target!r} is not the name of a class", where, "_target_: package.module.Class")
        package = target.split(".", maxsplit=1)[0]
        own = f"if you wrote or read it: --trust {package}"
        hint = "it is never built from a config" if package in _NEVER else own
        return Problem(f"_target_ {target!r} is not trusted", where, hint)


_NEVER = frozenset(
    {"alrun", "builtins", "os", "posix", "sys", "subprocess", "importlib", "torch", "lightning", "hydra"}
)


def _below(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _plugins() -> tuple[str, ...]:
    from importlib.metadata import entry_points

    return tuple(point.value.split(":")[0] for point in entry_points(group=ENTRY_POINTS))


def iterate_targets(value: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (dotted key, node) of every node with a ``_target_``, however deep."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield where, value
        for key, item in value.items():
            yield from iterate_targets(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from iterate_targets(item, f"{where}[{number}]")


def load_target(target: str, where: str, trust: Trust) -> Any:
    """Import what ``target`` names.

    Returns:
        The object, or a ``Problem``: not trusted, no such module, no such name.
    """
    if not trust.allows_target(target):
        return trust.refusal(target, where)
    module, names = _deepest_module(target)
    if isinstance(module, Problem):
        return Problem(module.what, where, module.hint)
    value: Any = module
    for position, name in enumerate(names):
        if not hasattr(value, name):
            owner = ".".join([module.__name__, *names[:position]])
            return Problem(f"{owner} has no {name!r}", where, _nearest(name, value, owner, trust))
        value = getattr(value, name)
    if isinstance(value, ModuleType):
        return Problem(f"{target} is a module, not a class", where, _nearest(target, value, target, trust))
    return value if trust.allows_object(value) else trust.refusal(target, where)


def _nearest(name: str, owner: Any, path: str, trust: Trust) -> str:
    public = (other for other in getattr(owner, "__dict__", {}) if not other.startswith("_"))
    return did_you_mean(name, [other for other in public if _offers(getattr(owner, other), trust)], prefix=f"{path}.")


def _offers(value: Any, trust: Trust) -> bool:
    return isinstance(value, type) and trust.allows_object(value)


def _deepest_module(target: str) -> tuple[ModuleType | Problem, list[str]]:
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            return importlib.import_module(name), parts[length:]
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                return Problem(f"importing {name} failed: {error}", hint="install what it needs"), []
        except ImportError as error:
            return Problem(f"importing {name} failed: {error}", hint="install what it needs"), []
    return Problem(f"there is no module for {target!r}", hint=f"is {parts[0]} installed, or in this folder?"), []
