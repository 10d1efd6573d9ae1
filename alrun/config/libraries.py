"""Families of library classes that a config may name: the modules that export them, and their base class."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from alrun.config.targets import below, is_public

__all__ = ["Family", "imported"]


@dataclass(frozen=True)
class Family:
    """Public classes of a library that are of one kind.

    A name from a config is looked up among those of the family; what it says is never imported.

    Attributes:
        base: ``module:Class`` of which they are proper subclasses.
        modules: Where the library exports them; nothing else is imported.
        defined: Modules below which they are defined; empty for ``modules`` themselves.
        only: Their names, where not all that ``modules`` export are wanted; empty for all.
        without: Names that are left out.
        location: Argument that is the folder into which such an object writes; empty for objects that write nothing.
    """

    base: str
    modules: tuple[str, ...]
    defined: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    location: str = ""

    def knows(self, target: str) -> bool:
        """Return whether ``target`` could be a name of the family; imports nothing."""
        return is_public(target) and target not in self.modules and below(target, self.modules)

    def find(self, target: str) -> type | None:
        """Return the class of that name, or ``None``."""
        return next((found[target] for found in self._exports(target) if target in found), None)

    def exports(self, target: str) -> bool:
        """Return whether ``target`` is a class of the same base that the library exports; offered or not."""
        module, _, name = target.rpartition(".")
        kind = _public_classes(module).get(name) if module in self.modules else None
        return kind is not None and _is_proper(kind, self.base)

    def official(self) -> dict[str, type]:
        """Return all classes by the name under which they are exported, the first where there are several."""
        named: dict[type, str] = {}
        for module in self.modules:
            for name, kind in _public_classes(module).items():
                if self._takes(kind):
                    named.setdefault(kind, f"{module}.{name}")
        return {name: kind for kind, name in named.items()}

    def _exports(self, target: str) -> Iterator[Mapping[str, type]]:
        for module in self.modules:
            if below(target, (module,)):
                yield _named(self, module)

    def _takes(self, kind: type) -> bool:
        name = kind.__name__
        wanted = (not self.only or name in self.only) and name not in self.without
        return wanted and below(kind.__module__, self.defined or self.modules) and _is_proper(kind, self.base)


@cache
def _named(family: Family, module: str) -> Mapping[str, type]:
    """Return the classes that ``module`` exports, under that name and under the one of where they are defined."""
    named: dict[str, type] = {}
    for name, kind in _public_classes(module).items():
        if family._takes(kind):
            named[f"{module}.{name}"] = kind
            home = f"{kind.__module__}.{kind.__qualname__}"
            if is_public(home) and getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind:
                named[home] = kind
    return named


@cache
def _public_classes(module: str) -> Mapping[str, type]:
    loaded = importlib.import_module(module)
    values = {name: getattr(loaded, name, None) for name in _exported(loaded) if is_public(name)}
    return {name: value for name, value in values.items() if isinstance(value, type)}


def _exported(module: ModuleType) -> list[str]:
    return list(getattr(module, "__all__", None) or vars(module))


def _is_proper(kind: type, base: str) -> bool:
    wanted = imported(base)
    return issubclass(kind, wanted) and kind is not wanted and not inspect.isabstract(kind)


@cache
def imported(name: str) -> type:
    """Return the class that ``module:Class`` names; only for names that alrun itself writes."""
    module, _, attribute = name.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    if not isinstance(kind, type):
        raise TypeError(f"{name} is not a class")
    return kind
