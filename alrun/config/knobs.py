"""The knobs at the top of the config: their types, their bounds, and which of them are part of the identity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from alrun.core.errors import Problem

__all__ = ["KNOBS", "Knob", "knob_problems"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,99}")


@dataclass(frozen=True)
class Knob:
    """One top-level key.

    Attributes:
        kind: Type of its value.
        minimum: Least value, for integers.
        optional: Whether null is allowed.
        identity: Whether the key can change a result. False for what only prolongs a run, or only shows it.
    """

    kind: type
    minimum: int | None = None
    optional: bool = False
    identity: bool = True


KNOBS: Mapping[str, Knob] = {
    "seed": Knob(int, 0),
    "query_size": Knob(int, 1),
    "initial_size": Knob(int, 1),
    "predict_batch_size": Knob(int, 1),
    "budget": Knob(int, 1, identity=False),
    "max_steps": Knob(int, 0, optional=True, identity=False),
    "name": Knob(str, identity=False),
    "output_dir": Knob(str, identity=False),
    "device": Knob(str),
    "threads": Knob(int, 1, optional=True),
    "fresh": Knob(bool, identity=False),
    "progress": Knob(bool, identity=False),
}


def knob_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the knobs of a resolved config."""
    for key, knob in KNOBS.items():
        if key in config:
            yield from _value_problems(key, config[key], knob)
    name = config.get("name")
    if isinstance(name, str) and (not NAME.fullmatch(name) or ".." in name):
        yield Problem(
            f"{name!r} cannot be a folder name", "name", "use letters, digits, '.', '_', '-', '+', '='; at most 100"
        )
    budget, initial = config.get("budget"), config.get("initial_size")
    if _is_int(budget) and _is_int(initial) and 0 < budget < initial:
        yield Problem(
            f"the budget ({budget}) is smaller than the cold start ({initial})",
            "budget",
            f"budget={initial} or initial_size={budget}",
        )


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _value_problems(key: str, value: Any, knob: Knob) -> Iterator[Problem]:
    if value is None and knob.optional:
        return
    fits = _is_int(value) if knob.kind is int else isinstance(value, knob.kind)
    if not fits:
        yield Problem(f"{value!r} is not {_noun(knob)}", key, f"for example {key}={_example(knob)}")
    elif knob.minimum is not None and value < knob.minimum:
        yield Problem(f"{value} is too small", key, f"at least {knob.minimum}")


def _noun(knob: Knob) -> str:
    noun = {int: "a whole number", str: "a text", bool: "true or false"}[knob.kind]
    return f"{noun} or null" if knob.optional else noun


def _example(knob: Knob) -> str:
    return {int: str((knob.minimum or 0) + 10), str: "abc", bool: "true"}[knob.kind]
