"""Limits of a training phase, in epochs or in steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from alrun.core.errors import ConfigError, Problem

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds of one training phase; exactly one of the first two is given.

    Attributes:
        max_epochs: Passes over the training loader.
        max_train_steps: Training batches in all, recycling the loader where one pass has fewer.
        max_val_steps: Batches of each validation; ``None`` for all, 0 for no validation.

    Raises:
        ConfigError: Both or neither of ``max_epochs`` and ``max_train_steps``, or a negative bound.
    """

    max_epochs: int | None = None
    max_train_steps: int | None = None
    max_val_steps: int | None = None

    def __post_init__(self) -> None:
        """Check the combination; every problem is reported at once."""
        problems = [
            Problem(f"{value} is negative", f"training.{name}", f"training.{name}=10")
            for name, value in vars(self).items()
            if value is not None and value < 0
        ]
        if self.max_epochs is not None and self.max_train_steps is not None:
            hint = "training.max_epochs=null, or training.max_train_steps=null"
            problems.append(Problem("max_epochs and max_train_steps exclude each other", "training", hint))
        if self.max_epochs is None and self.max_train_steps is None:
            problems.append(
                Problem("neither max_epochs nor max_train_steps is given", "training", "training.max_epochs=50")
            )
        if problems:
            raise ConfigError(problems)

    def reached(self, epochs: int, steps: int) -> bool:
        """Return whether ``epochs`` finished passes or ``steps`` batches are all there is to do."""
        if self.max_train_steps is not None:
            return steps >= self.max_train_steps
        return epochs >= (self.max_epochs or 0)

    def steps_left(self, steps: int) -> int | None:
        """Return how many batches may follow ``steps``; ``None`` for as many as the pass has."""
        return None if self.max_train_steps is None else self.max_train_steps - steps

    def epochs(self, loader: Any, epoch: int) -> int:
        """Return how many epochs there will be; a loader of unknown length is known up to ``epoch`` only."""
        if self.max_epochs is not None:
            return self.max_epochs
        try:
            length = len(loader)
        except TypeError:
            return epoch + 1
        return math.ceil((self.max_train_steps or 0) / max(length, 1))
