"""Nodes whose ``_target_`` the command line replaces: arguments that the new class does not take are dropped."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.config.bound import SETTINGS
from alrun.config.offers import find, name_problem
from alrun.core.errors import Problem

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from alrun.config.overrides import ParsedOverride
    from alrun.config.targets import Trust

__all__ = ["drop_other_options"]

TARGET = "_target_"


def drop_other_options(config: DictConfig, words: Sequence[ParsedOverride], trust: Trust) -> None:
    """Take from ``config`` what the file of an option says for a class that ``words`` put another in the place of.

    What the words themselves say stays, and so does everything for a class that takes any argument. A class that is
    not offered or not found is left for the checks to refuse.
    """
    from omegaconf import DictConfig, OmegaConf, flag_override

    for key, name in _named(words):
        node = OmegaConf.select(config, key, throw_on_missing=False)
        taken = _arguments(name, key, trust) if isinstance(node, DictConfig) else None
        if taken is not None:
            others = [one for one in node if str(one) not in {*taken, *SETTINGS}]
            with flag_override(config, ["readonly", "struct"], False):
                for one in others:
                    if not _is_given(f"{key}.{one}", words):
                        del node[one]


def _named(words: Sequence[ParsedOverride]) -> Iterator[tuple[str, str]]:
    """Yield (key of a node, its class) of the words that name one, by itself or in a mapping."""
    for word in words:
        value = None if word.parsed.is_delete() else word.parsed.value()
        name = value.get(TARGET) if isinstance(value, Mapping) else value
        key = word.key if isinstance(value, Mapping) else word.key.removesuffix(f".{TARGET}")
        if isinstance(name, str) and (isinstance(value, Mapping) or key != word.key):
            yield key, name


def _is_given(key: str, words: Sequence[ParsedOverride]) -> bool:
    for word in words:
        value = None if word.parsed.is_delete() else word.parsed.value()
        inside = {f"{word.key}.{name}" for name in value} if isinstance(value, Mapping) else set()
        if word.key == key or word.key.startswith(f"{key}.") or key in inside:
            return True
    return False


def _is_of_library(found: Any) -> bool:
    """Return whether a class has no constructor of its own: those of modules name no argument, and take none."""
    init = getattr(found, "__init__", None) if isinstance(found, type) else None
    return str(getattr(init, "__module__", "")).partition(".")[0] in ("torch", "lightning", "pytorch_lightning")


def _arguments(name: str, key: str, trust: Trust) -> set[str] | None:
    """Return the names of the arguments of the class; ``None`` where they are not known, or it takes any."""
    path, where = tuple(key.split(".")), f"{key}.{TARGET}"
    if name_problem(name, path, where, trust) is not None:
        return None
    found: Any = find(name, path, where, trust)
    if isinstance(found, Problem):
        return None
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return set() if _is_of_library(found) else None
    return {one.name for one in parameters}
