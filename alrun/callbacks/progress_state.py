"""State of the live display: plain values that events change, and an estimate of the remaining time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["JobCount", "RunState", "main_metrics", "seconds_left"]

MOST_METRICS = 5


@dataclass
class RunState:
    """Where the run stands.

    Attributes:
        name: Name of the run directory.
        step: Current step.
        phase: Current phase; empty before the first.
        done: Units done of the current phase.
        total: Units of the current phase; 0 while unknown.
        note: A few words on the current phase, e.g. epoch and loss.
        labels: Labels bought so far.
        budget: Labels in all.
        metrics: Latest value of every metric.
        measured: Labels that they were measured at.
        history: Seconds that each finished step of this session took, with the labels at its end.
        seconds: Seconds that each phase took when it last ended.
        curve: Values of the first metric in this session, step by step.
    """

    name: str = ""
    step: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    labels: int = 0
    budget: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    measured: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)

    def measure(self, metrics: Mapping[str, float], labels: int) -> None:
        """Take in the ``metrics`` of a step, measured at ``labels``; the curve is that of one metric."""
        first = next(iter(main_metrics(metrics)), "")
        if first != next(iter(main_metrics(self.metrics)), ""):
            self.curve.clear()
        if first:
            self.curve.append(metrics[first])
        self.metrics, self.measured = dict(metrics), labels


@dataclass
class JobCount:
    """Jobs of a sweep that runs them one by one, counted.

    Attributes:
        total: Jobs in all.
        before: Those that were finished before.
        started: When the first of the others began, in seconds of ``time.monotonic``.
        ended: Jobs that have ended since.
        failed: Those of them that have failed.
    """

    total: int
    before: int
    started: float
    ended: int = 0
    failed: int = 0

    def count(self, *, failed: bool) -> None:
        """Count a job that has ended."""
        self.ended += 1
        self.failed += failed

    def seconds_left(self, now: float) -> float | None:
        """Return about how many seconds the jobs take that have not ended; ``None`` before the first has."""
        if not self.ended:
            return None
        each = (now - self.started) / self.ended
        return max(0.0, each * (self.total - self.before - self.ended))


def main_metrics(metrics: Mapping[str, float], most: int = MOST_METRICS) -> dict[str, float]:
    """Return the first ``most`` metrics, counts of single classes left out."""
    names = [name for name in metrics if not name.startswith("count_")]
    return {name: metrics[name] for name in names[:most]}


def seconds_left(history: Sequence[tuple[int, float]], budget: int) -> float | None:
    """Return an estimate of the seconds that the rest of the budget takes; ``None`` before two steps are done.

    A line through the last steps' seconds over their labels (training takes longer as labels grow), summed over the
    steps that remain, with one more for the training on the labels bought last. The line never falls, as the first step
    is slow for reasons of its own.

    Args:
        history: Labels at the end of each step, and seconds of the step.
        budget: Labels in all.
    """
    recent = list(history)[-8:]
    if len(recent) < 2:
        return None
    labels, seconds = [float(x) for x, _ in recent], [y for _, y in recent]
    size = (labels[-1] - labels[0]) / (len(labels) - 1)
    if size <= 0:
        return None
    mean_labels, mean_seconds = sum(labels) / len(labels), sum(seconds) / len(seconds)
    spread = sum((x - mean_labels) ** 2 for x in labels)
    slope = max(0.0, sum((x - mean_labels) * (y - mean_seconds) for x, y in recent) / spread)
    steps = max(0.0, (budget - labels[-1]) / size) + 1
    middle = labels[-1] + size * (steps + 1) / 2
    return steps * max(0.0, mean_seconds + slope * (middle - mean_labels))
