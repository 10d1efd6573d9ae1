"""Forwarding of metrics to a Lightning logger."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alrun.core.callback import Callback
from alrun.core.errors import ConfigError, Problem
from alrun.core.events import PhaseFinished, RunFinished, RunStarted
from alrun.core.phases import ActiveLearningPhase

__all__ = ["LightningLogger"]


class LightningLogger(Callback):
    """Forwards the metrics of each metrology phase to a Lightning logger, with the number of labels as its step.

    The logger keeps its files in the run directory. Each session of a resumed run is a version of its own, as a
    Lightning logger starts a version over when it is reopened.
    """

    def __init__(self, logger: Callable[..., Any], requires: str | None = None) -> None:
        """Take a logger that is built but for its ``save_dir``.

        Args:
            logger: Called as ``logger(save_dir=<run directory>)`` when the run starts.
            requires: Module that the logger needs, which is also the name of alrun's extra that installs it.

        Raises:
            ConfigError: ``requires`` is not installed.
        """
        if requires is not None and find_spec(requires) is None:
            problem = Problem(f"needs {requires}, which is not installed", "logger", f'pip install "alrun[{requires}]"')
            raise ConfigError(problem)
        self._build = logger
        self._logger: Any = None

    def on_run_started(self, event: RunStarted) -> None:
        """Open the logger in the run directory.

        Raises:
            ConfigError: A link leads it out of there.
        """
        logger = self._build(save_dir=str(event.log_dir))
        place = Path(str(getattr(logger, "log_dir", None) or event.log_dir))
        if not place.resolve().is_relative_to(event.log_dir.resolve()):
            raise ConfigError(Problem(f"{place} is a link", "logger", f"rm '{place.parent}'"))
        self._logger = logger

    def on_phase_finished(self, event: PhaseFinished) -> None:
        """Forward the metrics of a metrology phase."""
        if self._logger is not None and event.phase == ActiveLearningPhase.METROLOGY and event.metrics:
            self._logger.log_metrics(dict(event.metrics), step=event.labels)
            self._logger.save()

    def on_run_finished(self, event: RunFinished) -> None:
        """Close the logger."""
        if self._logger is not None:
            self._logger.finalize("success" if event.status == "finished" else "failed")
