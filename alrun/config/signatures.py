"""Checks of the arguments of config nodes against the signatures of their targets; builds nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from alrun.config.bound import SETTINGS, iterate_nodes, plain
from alrun.config.listeners import is_listener
from alrun.config.locations import location_problems
from alrun.core.errors import Problem
from alrun.core.suggest import did_you_mean

__all__ = ["INJECTED", "argument_problems", "signature_problems"]

#: Arguments that the runner fills in.
INJECTED = frozenset({"spec", "seeds", "run_folder", "array_cache"})
_SIMPLE: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
    "NoneType": (type(None),),
    "Tensor": (),
    "torch.Tensor": (),
}


_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "None": "null",
    "NoneType": "null",
}


def argument_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with the arguments of the nodes of a bound config; builds nothing."""
    for node in iterate_nodes(tree):
        if node.target is not None:
            given = node.without("on_error") if is_listener(node.path) else node
            yield from signature_problems(node.target, plain(given), node.where)
            yield from location_problems(node)


def signature_problems(target: Any, node: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Yield arguments of ``node`` that ``target`` does not take, lacks, or takes with another type."""
    try:
        parameters = inspect.signature(target).parameters
    except (ValueError, TypeError):
        return
    given = {key: value for key, value in node.items() if key not in SETTINGS}
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    own = str(getattr(target, "__module__", "")).split(".")[0] == "alrun"
    for key, value in given.items():
        if own and key in INJECTED:
            yield Problem(f"{key!r} is filled in by alrun", f"{where}.{key}", f"leave out {where}.{key}")
        elif key in named:
            yield from _type_problems(named[key], value, f"{where}.{key}")
        elif not takes_any:
            valid = [name for name in named if name not in INJECTED]
            yield Problem(f"unknown key '{where}.{key}'", "", did_you_mean(key, valid, prefix=f"{where}."))
    if not node.get("_partial_") and "_args_" not in node:
        yield from _missing(named, given, where)


def _missing(named: Mapping[str, inspect.Parameter], given: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in given and name not in INJECTED:
            yield Problem(f"'{where}.{name}' is needed", "", f"{where}.{name}=…")


def _type_problems(parameter: inspect.Parameter, value: Any, where: str) -> Iterator[Problem]:
    names = _names(parameter.annotation)
    if any(name not in _SIMPLE for name in names):
        return
    kinds = [kind for name in names for kind in _SIMPLE[name]]
    if not _fits(value, tuple(kinds)):
        wanted = " or ".join(_NOUNS[name] for name in names if name in _NOUNS)
        yield Problem(f"{value!r} is not {wanted}", where, _example(parameter, where))


def _example(parameter: inspect.Parameter, where: str) -> str:
    default = parameter.default
    if default is None or isinstance(default, bool | int | float | str):
        written = str(default).lower() if isinstance(default, bool) else "null" if default is None else default
        return f"for example {where}={written}"
    examples = {"int": "10", "float": "0.1", "str": "text", "bool": "true"}
    return next(
        (f"for example {where}={examples[name]}" for name in _names(parameter.annotation) if name in examples), ""
    )


def _names(annotation: Any) -> list[str]:
    """Return the names of the types that an annotation allows: ``int | None``, ``Optional[int]`` or their text."""
    if isinstance(annotation, str):
        return [name.strip() for name in annotation.split("|")]
    if get_origin(annotation) in (Union, UnionType):
        return [name for member in get_args(annotation) for name in _names(member)]
    return [annotation.__name__ if isinstance(annotation, type) else str(annotation)]


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds)
