"""Does a config node fit the class or function it names? Checked on the signature, without building anything."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.suggest import did_you_mean
from alrun.config.targets import Trust, iterate_targets, load_target
from alrun.core.errors import Problem

__all__ = ["INJECTED", "signature_problems", "target_problems"]

#: Arguments that the runner fills in.
INJECTED = frozenset({"spec", "seeds"})
_HYDRA = frozenset({"_target_", "_partial_", "_args_", "_recursive_", "_convert_"})
_SIMPLE: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
}


def target_problems(config: Mapping[str, Any], trust: Trust) -> Iterator[Problem]:
    """Yield everything that is wrong with the targets of a resolved config; imports them, builds nothing.

    Nothing is imported before every name has passed the allowlist.
    """
    nodes = list(iterate_targets(config))
    refused = [
        trust.refusal(str(node["_target_"]), f"{where}._target_")
        for where, node in nodes
        if not (isinstance(node["_target_"], str) and trust.allows_name(node["_target_"]))
    ]
    if refused:
        yield from refused
        return
    for where, node in nodes:
        loaded = load_target(node["_target_"], f"{where}._target_", trust)
        if isinstance(loaded, Problem):
            yield loaded
        else:
            yield from signature_problems(loaded, node, where)


def signature_problems(target: Any, node: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Yield arguments of ``node`` that ``target`` does not take, lacks, or takes with another type."""
    try:
        parameters = inspect.signature(target).parameters
    except (ValueError, TypeError):
        return
    given = {key: value for key, value in node.items() if key not in _HYDRA}
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in given.items():
        if key in named:
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
    kinds = _kinds(parameter.annotation)
    if kinds is None or _fits(value, kinds):
        return
    wanted = " or ".join(str(parameter.annotation).replace("None", "null").split(" | "))
    yield Problem(f"{value!r} is not {wanted}", where, "")


def _kinds(annotation: Any) -> tuple[type, ...] | None:
    """Return the types that a simple annotation (``int | None``) allows; ``None`` for any other annotation."""
    if isinstance(annotation, type):
        annotation = annotation.__name__
    if not isinstance(annotation, str):
        annotation = str(annotation)
    kinds: tuple[type, ...] = ()
    for name in annotation.split("|"):
        if name.strip() not in _SIMPLE:
            return None
        kinds += _SIMPLE[name.strip()]
    return kinds


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds)
