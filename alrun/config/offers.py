"""Lookup of a ``_target_`` among the objects that its slot accepts, or the reason why it is refused."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from alrun.config.listeners import deaf
from alrun.config.slots import SLOTS, Methods, Slot, slot_at
from alrun.config.targets import NAME, WHOLLY, Trust, below, is_public
from alrun.core.callback import HOOKS
from alrun.core.errors import Problem
from alrun.core.suggest import did_you_mean

__all__ = ["built_problem", "find", "lookup", "name_problem", "offered"]


def name_problem(target: Any, path: Sequence[str], where: str, trust: Trust) -> Problem | None:
    """Return why the ``_target_`` of the node at ``path`` may not even be looked up; imports nothing."""
    if not isinstance(target, str) or not NAME.fullmatch(target):
        return Problem(f"_target_ {target!r} is not the name of a class", where, "_target_: package.module.Class")
    slot = slot_at(path)
    if slot.place and (trust.names(target) or _is_own(target, slot) or _is_of_library(target, slot)):
        return None
    return Problem(f"_target_ {target!r} is not trusted as {slot.noun}", where, _advice(target, slot, where))


def find(target: str, path: Sequence[str], where: str, trust: Trust) -> Any:
    """Return what ``target`` stands for at ``path``.

    Returns:
        A class or function, or a ``Problem``: not trusted, no such name, or not of the kind that stands there.
    """
    problem = name_problem(target, path, where, trust)
    if problem is not None:
        return problem
    slot = slot_at(path)
    if trust.names(target):
        loaded = trust.load(target, where)
        return loaded if isinstance(loaded, Problem) else _kind_problem(loaded, slot, where) or loaded
    return lookup(target, slot) or _unknown(target, slot, where)


def lookup(target: str, slot: Slot) -> Any:
    """Return what the slot offers under that name, without further trust, or ``None``."""
    if not _is_own(target, slot):
        found = (family.find(target) for family in slot.families if family.knows(target))
        return next(filter(None, found), None)
    module, name = _imported(target)
    return _public(module, slot).get(name) if module is not None else None


def offered(slot: Slot) -> dict[str, Any]:
    """Return all that the slot takes without further trust, by name; imports it."""
    found = dict(_of_alrun(slot))
    for family in slot.families:
        found |= family.official()
    return found


def _is_own(target: str, slot: Slot) -> bool:
    return is_public(target) and below(target, (*slot.rooms, *slot.functions))


def _is_of_library(target: str, slot: Slot) -> bool:
    return any(family.knows(target) for family in slot.families)


def _imported(target: str) -> tuple[ModuleType | None, str]:
    """Return the module of alrun's and the name in it that ``target`` says; no name for a module itself."""
    for module, name in ((target, ""), target.rpartition(".")[::2]):
        try:
            return importlib.import_module(module), name
        except ModuleNotFoundError as error:
            if not below(target, (str(error.name),)):
                raise
    return None, target


def _of_alrun(slot: Slot) -> dict[str, Any]:
    modules = (module for package in (*slot.rooms, *slot.functions) for module in _modules(package))
    return {f"{module.__name__}.{name}": value for module in modules for name, value in _public(module, slot).items()}


@cache
def _modules(package: str) -> tuple[ModuleType, ...]:
    first = importlib.import_module(package)
    inner = pkgutil.walk_packages(getattr(first, "__path__", ()), f"{package}.")
    return (first, *(importlib.import_module(found.name) for found in inner if is_public(found.name)))


def _public(module: ModuleType, slot: Slot) -> dict[str, Any]:
    """Return what ``module`` itself defines, declares in ``__all__``, and the slot takes."""
    values = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    defined = {name: value for name, value in values.items() if getattr(value, "__module__", "") == module.__name__}
    return {name: value for name, value in defined.items() if _takes(slot, value, module.__name__)}


def _takes(slot: Slot, value: Any, module: str) -> bool:
    if isinstance(value, FunctionType):
        return below(module, slot.functions)
    is_whole = isinstance(value, type) and not inspect.isabstract(value)
    if not is_whole or not below(module, slot.rooms):
        return False
    return not _lacking(slot.own or slot.methods, lambda name: any(name in vars(base) for base in value.__mro__))


def _lacking(methods: Methods, has: Callable[[str], bool]) -> list[str]:
    """Return the methods that are lacking of the first set, where none of the sets is there as a whole."""
    lacking = [[name for name in names if not has(name)] for names in methods]
    return lacking[0] if lacking and all(lacking) else []


def _defines_method(kind: type, name: str) -> bool:
    """Return whether instances of ``kind`` will have a method ``name``, or may: a property says nothing yet."""
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return callable(found) or hasattr(found, "__get__")


def _kind_problem(loaded: Any, slot: Slot, where: str) -> Problem | None:
    """Return why a trusted class cannot stand there; ``None`` for a function, which builds who knows what."""
    if not isinstance(loaded, type):
        return None
    lacking = _lacking(slot.methods, lambda name: _defines_method(loaded, name))
    if lacking and lacking[0] in HOOKS:
        return deaf(loaded, where.removesuffix("._target_"))
    return _without(loaded, lacking, slot, where)


def built_problem(built: Any, path: Sequence[str], where: str) -> Problem | None:
    """Return why an object that was built cannot stand at ``path``: a method is set to something else, or missing.

    What a function returns is known only now, and so is what a constructor sets on the object.
    """
    slot = slot_at(path)
    lacking = _lacking(slot.methods, lambda name: callable(getattr(built, name, None)))
    return None if lacking and lacking[0] in HOOKS else _without(type(built), lacking, slot, where)


def _without(kind: type, lacking: Sequence[str], slot: Slot, where: str) -> Problem | None:
    if not lacking:
        return None
    what = f"{kind.__name__} is not a {slot.noun}: it has no {' and no '.join(f'{name}()' for name in lacking)}"
    return Problem(what, where, f"see: alrun ls {slot.place.split('.')[0]}")


def _unknown(target: str, slot: Slot, where: str) -> Problem:
    if _is_own(target, slot) and not _imported(target)[1]:
        hint = did_you_mean(target, [known for known in _of_alrun(slot) if known.startswith(f"{target}.")])
        return Problem(f"{target} is a module, not a class", where, hint)
    families = [family for family in slot.families if family.knows(target)]
    if any(family.exports(target) for family in families):
        what = f"_target_ {target!r} is not trusted: it may read and write anywhere"
        return Problem(what, where, f"if you trust this class: --trust {target}")
    valid = [name for family in families for name in family.official()] or list(_of_alrun(slot))
    near = did_you_mean(target, valid)
    hint = near if near.startswith("did") else _advice(target, slot, where)
    module, _, name = target.rpartition(".")
    if families and name[0].isupper() and not any(module in family.modules for family in families):
        hint += f" Or, if you trust this class: --trust {target}"
    return Problem(f"_target_ {target!r} is not trusted: there is no such {slot.noun}", where, hint)


def _advice(target: str, slot: Slot, where: str) -> str:
    package = target.split(".")[0]
    if package == "__main__":
        return "if this program defines it: --trust __main__; else start the notebook or program that does"
    if package not in WHOLLY:
        return f"if you wrote or read it: --trust {package}"
    if not slot.place:
        return "no object can be built here"
    place = where.removesuffix("._target_").rpartition("[")[0] or where.removesuffix("._target_")
    article = "an" if slot.noun[0].lower() in "aeiou" else "a"
    takes = f"{place} takes {article} {slot.noun}: {slot.example}"
    elsewhere = [other.place for other in SLOTS if "*" not in other.place and _is_of_library(target, other)]
    return f"{takes}; {target} belongs in {elsewhere[0]}" if elsewhere else takes
