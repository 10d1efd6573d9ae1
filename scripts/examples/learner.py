"""A custom learner: any LightningModule, here a network that is wide rather than deep.

From the command line::

    cd scripts/examples && alrun --config-dir conf --trust learner learner=random_features
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from alrun import TaskSpec


class RandomFeatures(LightningModule):
    """Logistic regression on random cosines of the inputs (Rahimi and Recht 2007).

    Args:
        spec: What the data are; given by alrun wherever a constructor asks for it by this name.
        features: Number of cosines.
        scale: Standard deviation of their frequencies.
        lr: Learning rate.
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, spec: TaskSpec, features: int = 512, scale: float = 0.1, lr: float = 0.01) -> None:
        """Draw the cosines from torch's global generator, which alrun seeds for each experiment."""
        super().__init__()
        width = torch.Size(spec.input_shape).numel()
        # Buffers are part of state_dict(), so that checkpoints hold them; plain tensors would be lost.
        self.register_buffer("frequencies", scale * torch.randn(width, features))
        self.register_buffer("phases", 2 * torch.pi * torch.rand(features))
        self.head = nn.Linear(features, spec.num_outputs)
        self.lr = lr

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``[B, C]`` for inputs ``[B, *input_shape]``."""
        logits: Tensor = self.head(torch.cos(inputs.flatten(1) @ self.frequencies + self.phases))
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Return the mean loss of a batch; the training loop does the rest."""
        inputs, targets = batch
        return functional.cross_entropy(self(inputs), targets)

    def configure_optimizers(self) -> Any:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)
