"""Fake Trainer, for LightningModules that are used without one."""

from __future__ import annotations

__all__ = ["FakeTrainer"]


class FakeTrainer:
    """The things of a Trainer that modules commonly read.

    Attributes:
        current_epoch: Epochs finished.
        global_step: Optimizer steps made.
        max_epochs: Epochs that there will be, as far as is known.
    """

    def __init__(self, max_epochs: int | None = None) -> None:
        """Stand at the beginning of ``max_epochs`` epochs."""
        self.current_epoch = self.global_step = 0
        self.max_epochs = max_epochs
