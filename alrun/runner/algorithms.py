"""Algorithm numbers of all parts of an experiment, by config key."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.bound import iterate_targets
from alrun.config.identity import identity_of
from alrun.core.algorithms import FIRST, number_of
from alrun.core.errors import Problem
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Seeds

__all__ = ["algorithm_problems", "algorithms_of"]


def algorithms_of(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of each part of a resolved config that can change a result, of the driver and of the seeding.

    The parts have been built: they are looked up among the modules that are loaded.
    """
    from alrun.driver.driver import Driver

    numbers = {"driver": number_of(*_classes(Driver)), "seeding": number_of(Seeds, row_uniforms)}
    for _, key, node in iterate_targets(identity_of(config)):
        part = _loaded(str(node["_target_"]))
        if part is not None:
            numbers[key] = number_of(part)
    return numbers


def _classes(driver: type) -> Iterator[Any]:
    """Yield the driver, its loop and its phases."""
    from alrun.driver.loop import PHASES, Loop

    yield from (driver, Loop)
    yield from (type(phase) for phase in PHASES)


def _loaded(target: str) -> Any:
    """Return what ``target`` names; ``None`` where its module is not loaded."""
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        value: Any = sys.modules.get(".".join(parts[:length]))
        if value is not None:
            for name in parts[length:]:
                value = getattr(value, name, None)
            return value
    return None


def algorithm_problems(stored: Mapping[str, Any], now: Mapping[str, int], hint: str) -> Iterator[Problem]:
    """Yield the algorithms whose results have changed since a run began; what it did not note was the first.

    Args:
        stored: Numbers that the run has noted.
        now: Numbers of today.
        hint: What to type.
    """
    for key in sorted({*stored, *now}):
        before, after = stored.get(key, FIRST), now.get(key, FIRST)
        if before != after:
            what = f"the run started with algorithm {before}; this alrun has algorithm {after}, with other results"
            yield Problem(what, key, hint)
