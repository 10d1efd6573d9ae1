"""Trackers of a bound config, by name: what the ``logger`` group names, callbacks left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alrun.config.bound import bind
from alrun.config.signatures import argument_problems
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.tracking import Tracker, is_tracker
from alrun.runner.instantiate import instantiate

__all__ = ["built_trackers", "named_trackers"]


def named_trackers(config: Mapping[str, Any], trust: Trust, place: Path) -> dict[str, Tracker]:
    """Return the trackers that a config names, which is bound for that no further than needed.

    Raises:
        ConfigError: With everything that is wrong with any of them.
    """
    tree, problems = bind({"logger": config.get("logger")}, trust)
    problems = [*problems, *argument_problems(tree)]
    if problems:
        raise ConfigError(problems)
    return built_trackers(tree, place)


def built_trackers(config: Mapping[str, Any], place: Path) -> dict[str, Tracker]:
    """Return the trackers of ``config``, for a run in the directory ``place``.

    Raises:
        ConfigError: Some cannot be built; with everything that is wrong with any of them.
    """
    trackers: dict[str, Tracker] = {}
    problems: list[Problem] = []
    for name, node in (config.get("logger") or {}).items():
        if not is_tracker(node.target):
            continue
        try:
            trackers[str(name)] = instantiate(node.without("on_error"), place)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return trackers
