"""Trackers: stores of metrics beside the run directory, each a projection of the run's records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from alrun.core.errors import ConfigError, Problem

__all__ = ["Point", "TrackedRun", "Tracker", "is_tracker", "required"]


@dataclass(frozen=True)
class Point:
    """What was measured in one step.

    Attributes:
        step: Index of the active-learning step.
        labels: Labels that had been bought by then.
        time: When the step was measured, in seconds since 1970.
        values: Value by name, ``strategy/split/metric``; it may be ``nan`` or infinite.
    """

    step: int
    labels: int
    time: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class TrackedRun:
    """A run as trackers see it: everything is read from its records, its config as stored, and ``run.json``.

    Attributes:
        directory: The run directory.
        folder: The folder of all runs, where what a tracker keeps on this machine lies.
        name: Name of the experiment, which groups the runs of a sweep.
        identity: SHA-256 of what counts of the config, as 64 hexadecimal digits.
        seed: The seed.
        choices: Option of each config group.
        config: What counts of the config, flattened: dotted key to text, number, boolean or ``None``; never changes.
        settings: The rest of the config, likewise: how far the run goes, how it is shown; may change.
        tags: As the user gave them.
        notes: As the user gave them.
        points: The steps that have been measured, in order. A later call has the same ones, and more.
        status: ``running``, ``finished``, ``failed`` or ``interrupted``.
        reason: Why it ended.
        files: Files to keep beside the metrics, by name: config and tables of a run that has ended, and its report.
    """

    directory: Path
    folder: Path
    name: str
    identity: str
    seed: int
    choices: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str | float | None] = field(default_factory=dict)
    settings: Mapping[str, str | float | None] = field(default_factory=dict)
    tags: Sequence[str] = ()
    notes: str = ""
    points: Sequence[Point] = ()
    status: str = "running"
    reason: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of the run directory."""
        return self.directory.name

    @property
    def key(self) -> str:
        """What the run is found by in a tracker: the experiment's name and the identity, which a resume keeps."""
        return f"{self.name}-{self.identity[:16]}"


class Tracker(ABC):
    """Keeps what one store holds of a run equal to the run's records.

    ``project`` is called after each measured step, when the session ends, and by ``alrun track``: with the same run
    again after a resume, a kill, or from another process. It may raise anything: the run goes on, the next step tries
    again, and what is missing in the end is said. What it holds on to in between is for speed alone; a new object, or
    one that has failed, asks the store what it has.

    Attributes:
        keeps_files: Whether it keeps files beside the metrics; a report is made for those alone.
    """

    keeps_files: bool = False

    @abstractmethod
    def project(self, run: TrackedRun) -> None:
        """Bring the store to hold exactly ``run``: every step once, and its description as it is now."""

    def close(self) -> None:  # noqa: B027 - a tracker need not hold on to anything
        """Let go of connections and files; ``project`` may be called again."""


def is_tracker(target: object) -> bool:
    """Return whether what a config names is a class of trackers."""
    return isinstance(target, type) and issubclass(target, Tracker)


def required(module: str, extra: str) -> None:
    """Raise ``ConfigError`` unless ``module`` is installed; ``extra`` is the extra of alrun that brings it."""
    if find_spec(module) is None:
        what = f"needs {module}, which is not installed"
        raise ConfigError(Problem(what, f"logger.{extra}", f'pip install "alrun[{extra}]"'))
