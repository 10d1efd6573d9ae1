"""State of the live display: plain values that events change, and an estimate of the remaining time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["RunState", "main_metrics", "seconds_left"]

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
