"""Interface of stopping criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Progress", "StoppingCriterion"]


@dataclass(frozen=True)
class Progress:
    """Where the experiment stands after a metrology phase.

    Attributes:
        step: Index of the current step, 0 for the cold start.
        labels: Labels bought so far.
        unlabeled: Rows left in the unlabeled pool, or ``None`` when there is no such pool.
        elapsed: Seconds of work so far, over all sessions of the run.
        metrics: Latest value of every metric, by name.
    """

    step: int
    labels: int
    unlabeled: int | None
    elapsed: float
    metrics: Mapping[str, float] = field(default_factory=dict)


class StoppingCriterion(Protocol):
    """Decides after metrology whether the experiment is over.

    An optional attribute ``monitor: str`` names the metric that it reads; a name that no metrology strategy declares is
    refused before anything runs.
    """

    def __call__(self, progress: Progress) -> str | None:
        """Return why to stop, in words for the user, or ``None`` to go on."""
        ...
