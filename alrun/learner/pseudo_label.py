"""Pseudo-label: the likeliest class of an unlabeled row counts as its label, more and more as training goes on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import Problem
from alrun.core.types import TaskSpec
from alrun.learner.base import OptimizerFactory, SchedulerFactory
from alrun.learner.checks import share_problems
from alrun.learner.semi_supervised import SemiSupervised

__all__ = ["PseudoLabel"]


class PseudoLabel(SemiSupervised):
    """Cross-entropy with the network's own guess, weighted by a ramp over the epochs.

    Lee (2013), "Pseudo-Label: The simple and efficient semi-supervised learning method for deep neural networks",
    equations 15 and 16: the weight is 0 up to ``ramp_start``, grows linearly to ``unlabeled_weight`` at ``ramp_end``
    and stays there. Deviations: both are shares of the epochs, as 100 and 600 of them in the paper; without denoising
    autoencoder and momentum schedule; inputs are augmented; a tenth of the weight, since with the few labels of active
    learning the network's own mistakes outweigh the labels (digits, 40 labels, 600 steps, 4 seeds: accuracy .677 with
    a weight of 3, .802 with 0.3, .790 without unlabeled rows).

    Args:
        spec: Input shape and number of classes.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        network: From inputs to logits; ``None`` for one that fits.
        channels: See ``SemiSupervised``, as for the arguments that follow.
        hidden: Width of each dense layer.
        dropout: Probability after each dense layer.
        activation: By name.
        unlabeled_ratio: Unlabeled rows for each labeled one; 8 in the paper, 256 for 32.
        unlabeled_weight: ``alpha_f`` of the paper, 3 there, with 600 labels and more.
        ramp_start: Share of the epochs that are done when unlabeled rows begin to count, in ``[0, 1]``.
        ramp_end: Share of the epochs after which they count fully.
        ema: Decay of the average of the weights; ``None`` for the last weights, as in the paper.
        augmentation: Of labeled inputs and of the unlabeled ones that are trained on; ``None`` for a default.
    """

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        network: nn.Module | None = None,
        channels: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (128,),
        dropout: float = 0.1,
        activation: str = "relu",
        unlabeled_ratio: int = 8,
        unlabeled_weight: float = 0.3,
        ramp_start: float = 0.1,
        ramp_end: float = 0.6,
        ema: float | None = None,
        augmentation: nn.Module | None = None,
    ) -> None:
        problems = [*share_problems("learner.ramp_start", ramp_start), *share_problems("learner.ramp_end", ramp_end)]
        if not problems and ramp_end < ramp_start:
            problems.append(
                Problem("the ramp ends before it starts", "learner.ramp_end", f"learner.ramp_end={ramp_start}")
            )
        super().__init__(
            spec,
            optimizer,
            scheduler,
            scheduler_monitor,
            network,
            channels,
            hidden,
            dropout,
            activation,
            unlabeled_ratio,
            unlabeled_weight,
            ema,
            augmentation,
            problems,
        )
        self.ramp_start, self.ramp_end = ramp_start, ramp_end

    def unlabeled_loss(self, unlabeled: Tensor) -> Tensor:
        """Return the mean cross-entropy with the likeliest classes, times the height of the ramp."""
        height = self.ramp
        if height == 0:
            return unlabeled.new_zeros(())
        with torch.no_grad():
            labels = self(unlabeled).argmax(dim=1)
        return height * functional.cross_entropy(self(self.augmentation(unlabeled)), labels)

    @property
    def ramp(self) -> float:
        """Height of the ramp at this epoch, from 0 to 1."""
        done = self.progress
        if done >= self.ramp_end:
            return 1.0
        return max(0.0, (done - self.ramp_start) / (self.ramp_end - self.ramp_start))
