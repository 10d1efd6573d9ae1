"""Checks of settings: types, bounds and choices of knobs, unknown keys, and parts without a ``_target_``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from alrun.core.errors import Problem
from alrun.core.knobs import Group, Knob, Part, terms, written
from alrun.core.settings import Config
from alrun.core.suggest import did_you_mean

__all__ = ["knob_problems", "wrong_knobs"]

#: Groups whose options set keys of the whole config.
GLOBAL = ("experiment", "debug")


def knob_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the keys of a resolved config and with the values of its knobs."""
    yield from _settings_problems(config, Config)
    budget, initial = config.get("budget"), config.get("initial_size")
    if _is_int(budget) and _is_int(initial) and 0 < budget < initial:
        yield Problem(
            f"the budget ({budget}) is smaller than the cold start ({initial})",
            "budget",
            f"budget={initial} or initial_size={budget}",
        )
    training = config.get("training")
    if isinstance(training, Mapping):
        yield from _length_problems(training.get("max_epochs"), training.get("max_train_steps"))


def wrong_knobs(config: Mapping[str, Any]) -> list[Any]:
    """Return the values of the knobs that are wrong; whatever refers to them is wrong for the same reason."""
    knobs = {key: term for key, term in terms(Config).items() if isinstance(term, Knob)}
    return [config[key] for key, knob in knobs.items() if key in config and any(_problems(key, config[key], knob))]


def _settings_problems(values: Mapping[str, Any], kind: type, prefix: str = "") -> Iterator[Problem]:
    known = terms(kind)
    for name, term in known.items():
        where = f"{prefix}{name}"
        if isinstance(term, Part):
            yield from _part_problems(where, values.get(name), term)
        elif name in values and isinstance(term, Knob):
            yield from _problems(where, values[name], term)
        elif isinstance(term, Group):
            yield from _group_problems(where, values.get(name, {}), term)
    for key in values:
        if f"{prefix}{key}" in GLOBAL:
            yield Problem(
                f"the keys of an option of {key} are below '{key}'", "", "begin its file: # @package _global_"
            )
        elif key not in known:
            near = did_you_mean(str(key), known, prefix=prefix)
            yield Problem(f"unknown key '{prefix}{key}'", "", near or "see: alrun ls knobs")


def _group_problems(where: str, value: Any, group: Group) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        yield from _settings_problems(value, group.kind, f"{where}.")
    elif value is not None or not group.optional:
        yield Problem(f"{value!r} {group.wrong}", where, group.hint.format(value))


def _part_problems(where: str, value: Any, part: Part) -> Iterator[Problem]:
    group = where.split(".")[0]
    nodes = {where: value}
    if value is None and part.optional:
        return
    if part.several and isinstance(value, Mapping) and "_target_" in value:
        what = f"'{where}' has a _target_ where strategies stand by name"
        yield Problem(what, "", f"move it below a name of yours, mine: {{_target_: …}}; see: alrun ls {group}")
        return
    if part.several:
        nodes = {f"{where}.{name}": node for name, node in value.items()} if isinstance(value, Mapping) else {}
        if not nodes:
            yield Problem(f"'{where}' has no strategy", "", f"choose one: alrun ls {group}")
    for key, node in nodes.items():
        if isinstance(node, Mapping) and "_target_" in node:
            continue
        if part.several:
            yield Problem(f"'{key}' has no _target_", "", f"see: alrun ls {group}")
        elif part.null:
            hint = f"'++{key}={{_target_: my_pkg.{key.rpartition('.')[2]}, _partial_: true}}'"
            yield Problem(f"{node!r} names nothing to build", key, hint)
        else:
            yield Problem(f"'{key}' names nothing to build", "", f"choose one: alrun ls {group}")


def _problems(where: str, value: Any, knob: Knob) -> Iterator[Problem]:
    takes = knob.takes(value)
    if takes and knob.admits(value):
        return
    near = did_you_mean(str(value), knob.choices, prefix=f"{where}=") if len(knob.choices) > 1 else ""
    if knob.wrong and (takes or knob.kind is not str or near):
        yield Problem(f"{value!r} {knob.wrong}", where, knob.hint.format(where) or near)
    elif not takes:
        yield Problem(f"{value!r} is not {knob.noun}", where, f"for example {where}={_example(knob)}")
    else:
        size = "small" if knob.below is None or value < knob.below else "large"
        yield Problem(f"{value} is too {size}", where, knob.bounds)


def _example(knob: Knob) -> str:
    if knob.default is not None:
        return written(knob.default)
    if knob.kind is str and knob.hint and not knob.choices:
        return knob.hint.partition("=")[2]
    return knob.choices[0] if knob.choices else str(max(knob.minimum or 0, 10))


def _length_problems(epochs: Any, steps: Any) -> Iterator[Problem]:
    if epochs is not None and steps is not None:
        yield Problem("max_epochs and max_train_steps exclude each other", "training", "training.max_epochs=null")
    elif epochs is None and steps is None:
        what = "neither max_epochs nor max_train_steps is given"
        yield Problem(what, "training", "training.max_epochs=50 or training.max_train_steps=500")


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
