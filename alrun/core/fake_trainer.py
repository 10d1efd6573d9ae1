"""Fake Trainer, for LightningModules that are used without one."""

from __future__ import annotations

__all__ = ["FakeTrainer", "PlannedTrainer"]


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


class PlannedTrainer(FakeTrainer):
    """The length of a training phase, which schedulers by step want to know."""

    def __init__(self, max_epochs: int | None, max_steps: int | None, batches: int) -> None:
        """Plan ``max_epochs`` epochs of ``batches`` batches, or ``max_steps`` steps."""
        epochs, steps = (-1 if value is None else value for value in (max_epochs, max_steps))
        super().__init__(epochs)
        self.max_steps, self.num_training_batches = steps, batches
        self.estimated_stepping_batches = batches * max(0, epochs) if steps < 0 else steps
