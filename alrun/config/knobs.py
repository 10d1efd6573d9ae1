"""The knobs of the config: their types, their bounds, and which of them are part of the identity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from alrun.config.suggest import did_you_mean
from alrun.core.errors import Problem

__all__ = ["KNOBS", "TRAINING", "Knob", "knob_problems", "wrong_knobs"]

#: Seconds that the timer of a process can count, rounded down.
LONGEST = 10**9
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,99}")
KEEP = re.compile(r"all|last|every:[1-9]\d{0,5}")
DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?")


@dataclass(frozen=True)
class Knob:
    """One key that holds a number, a text or a truth value.

    Attributes:
        kind: Type of its value.
        minimum: Least value, for numbers.
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
    "validation_from_budget": Knob(bool),
    "calibration": Knob(str, optional=True),
    "fresh": Knob(bool, identity=False),
    "mend": Knob(bool, identity=False),
    "progress": Knob(bool, identity=False),
}


#: Keys of the training group whose values the driver takes; the loop's own are checked on its signature.
TRAINING: Mapping[str, Knob] = {
    "batch_size": Knob(int, 1),
    "max_epochs": Knob(int, 1, optional=True),
    "max_train_steps": Knob(int, 1, optional=True),
    "max_val_steps": Knob(int, 0, optional=True),
    "checkpoint_every": Knob(int, 0),
    "shrink": Knob(float, 0),
    "perturb": Knob(float, 0),
    "validate": Knob(bool),
}


#: Keys of the node ``timeout``, by what is limited.
TIMEOUTS = ("query", "label", "metrology")


def knob_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the knobs of a resolved config."""
    yield from value_problems(config, KNOBS)
    yield from _text_problems(config)
    yield from _timeout_problems(config.get("timeout"))
    budget, initial = config.get("budget"), config.get("initial_size")
    if _is_int(budget) and _is_int(initial) and 0 < budget < initial:
        yield Problem(
            f"the budget ({budget}) is smaller than the cold start ({initial})",
            "budget",
            f"budget={initial} or initial_size={budget}",
        )


def wrong_knobs(config: Mapping[str, Any]) -> list[Any]:
    """Return the values of the knobs that are wrong; whatever refers to them is wrong for the same reason."""
    return [config[key] for key, knob in KNOBS.items() if key in config and any(_problems(key, config[key], knob))]


def value_problems(values: Mapping[str, Any], knobs: Mapping[str, Knob], prefix: str = "") -> Iterator[Problem]:
    """Yield values of another type than ``knobs`` say, or below their bounds; ``prefix`` ends with a dot."""
    for key, knob in knobs.items():
        if key in values:
            yield from _problems(f"{prefix}{key}", values[key], knob)


def _text_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    name, place, device = (config.get(key) for key in ("name", "output_dir", "device"))
    if isinstance(name, str) and (not NAME.fullmatch(name) or ".." in name):
        hint = "use letters, digits, '.', '_', '-', '+', '='; at most 100"
        yield Problem(f"{name!r} cannot be a folder name", "name", hint)
    if isinstance(place, str) and (not place.strip() or "\0" in place):
        yield Problem(f"{place!r} cannot be a folder", "output_dir", "output_dir=outputs")
    calibration = config.get("calibration")
    if isinstance(calibration, str) and calibration != "temperature":
        yield Problem(f"{calibration!r} is no calibration", "calibration", "calibration=temperature or null")
    checkpoint = config.get("checkpoint", {"keep": "all"})
    keep = checkpoint.get("keep") if isinstance(checkpoint, Mapping) else checkpoint
    if not isinstance(checkpoint, Mapping) or not isinstance(keep, str) or not KEEP.fullmatch(keep):
        what = f"{keep!r} does not say which weights to keep"
        yield Problem(what, "checkpoint.keep", "checkpoint.keep=all, last or every:10")
    if isinstance(device, str) and not DEVICE.fullmatch(device):
        yield Problem(f"{device!r} is no device", "device", "device=auto, cpu, cuda, cuda:1 or mps")


def _timeout_problems(timeout: Any) -> Iterator[Problem]:
    if timeout is None:
        return
    if not isinstance(timeout, Mapping):
        yield Problem(f"{timeout!r} does not say whose", "timeout", f"timeout.label={timeout}")
        return
    for key, seconds in timeout.items():
        if key not in TIMEOUTS:
            yield Problem(f"unknown key 'timeout.{key}'", "", did_you_mean(str(key), TIMEOUTS, prefix="timeout."))
        elif seconds is not None and not (_fits(seconds, float) and 0 < seconds < LONGEST):
            yield Problem(f"{seconds!r} is no number of seconds", f"timeout.{key}", f"timeout.{key}=600 or null")


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _problems(key: str, value: Any, knob: Knob) -> Iterator[Problem]:
    if value is None and knob.optional:
        return
    if not _fits(value, knob.kind):
        yield Problem(f"{value!r} is not {_noun(knob)}", key, f"for example {key}={_example(knob)}")
    elif knob.minimum is not None and not value >= knob.minimum:
        yield Problem(f"{value} is too small", key, f"at least {knob.minimum}")


def _fits(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, float) or _is_int(value)
    return _is_int(value) if kind is int else isinstance(value, kind)


def _noun(knob: Knob) -> str:
    noun = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[knob.kind]
    return f"{noun} or null" if knob.optional else noun


def _example(knob: Knob) -> str:
    return {int: str(max(knob.minimum or 0, 10)), float: "0.5", str: "abc", bool: "true"}[knob.kind]
