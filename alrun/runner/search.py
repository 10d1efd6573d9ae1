"""Search: what an experiment says to a sweeper that looks for the best."""

from __future__ import annotations

from typing import Any

from alrun.core.metrics import qualified
from alrun.core.needs import declared_metrics
from alrun.runner.journal import extent
from alrun.runner.run import Experiment

__all__ = ["better", "searched"]


def better(experiment: Experiment) -> bool | None:
    """Return whether more of its objective is better; ``None`` where no strategy says so.

    Raises:
        ConfigError: It cannot be built.
    """
    _, _, metric = (experiment.config.get("objective") or "").rpartition(":")
    found: dict[str, bool | None] = {}
    for name, strategy in experiment.components().strategies.metrology.items():
        for one, more in (declared_metrics(strategy) or {}).items():
            found = {one: more, qualified(name, one): more} | found
            metric = metric or one
    return found.get(metric)


def searched(experiment: Experiment) -> dict[str, Any]:
    """Return what the objective depends on beside the keys that are searched."""
    shown = {"objective": experiment.config.get("objective"), "identity": experiment.identity}
    return {**shown, **extent(experiment.config)}
