"""Session of a loop that is called without one: nothing is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.core.protocols.model import BatchWatch
from alrun.core.seeding import Seeds

__all__ = ["NoSession"]


class NoSession:
    """Saves nothing, resumes nothing and leaves the global generators alone."""

    seeds = Seeds(0)
    train_batches: BatchWatch | None = None
    eval_batches: BatchWatch | None = None

    def load(self) -> Mapping[str, Any] | None:
        """Return ``None``: always a fresh start."""
        return None

    def due(self, epoch: int) -> bool:
        """Return ``False``: nothing is ever saved."""
        return False

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Drop ``state``."""

    def epoch_started(self, epoch: int) -> None:
        """Do nothing."""

    def eval_started(self, epoch: int) -> None:
        """Do nothing."""

    def eval_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Do nothing."""

    def epoch_finished(self, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        """Do nothing."""

    def logged(self, values: Mapping[str, Mapping[str, float]]) -> None:
        """Drop ``values``."""
