"""FixMatch: confident guesses on weakly augmented inputs are the labels of strongly augmented ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.types import TaskSpec
from alrun.learner.augmentation import FeatureNoise, ImageAugmentation
from alrun.learner.base import OptimizerFactory, SchedulerFactory
from alrun.learner.checks import share_problems
from alrun.learner.semi_supervised import SemiSupervised

__all__ = ["FixMatch"]


class FixMatch(SemiSupervised):
    """Consistency with hard pseudo-labels above a threshold.

    Sohn et al. (2020), "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence",
    arXiv:2001.07685, equations 3 and 4 with the published threshold 0.95, ratio 7 and weight 1. Deviations: strong
    augmentation is a larger shift, cutout and noise in place of RandAugment, and noise with values from other rows for
    features; images are mirrored only when ``augmentation`` says so; optimizer and schedule are the config's; unlabeled
    minibatches hold no labeled rows.

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
        unlabeled_ratio: Unlabeled rows for each labeled one, ``mu`` of the paper.
        unlabeled_weight: ``lambda_u`` of the paper.
        threshold: Probability from which a guess counts, ``tau`` of the paper, in ``[0, 1]``.
        ema: Decay of the average of the weights.
        augmentation: Weak; ``None`` for a default by the kind of inputs.
        strong_augmentation: Strong; ``None`` likewise.
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
        unlabeled_ratio: int = 7,
        unlabeled_weight: float = 1.0,
        threshold: float = 0.95,
        ema: float | None = 0.999,
        augmentation: nn.Module | None = None,
        strong_augmentation: nn.Module | None = None,
    ) -> None:
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
            share_problems("learner.threshold", threshold),
        )
        self.threshold = threshold
        images = len(spec.input_shape) == 3
        strong = ImageAugmentation(shift=0.25, cutout=0.5, noise=0.2) if images else FeatureNoise(0.2, swap=0.2)
        self.strong_augmentation = strong_augmentation or strong

    def unlabeled_loss(self, unlabeled: Tensor) -> Tensor:
        """Return the mean over all rows of the cross-entropy, 0 where the guess is not confident."""
        with torch.no_grad():
            guessed = self(self.augmentation(unlabeled)).softmax(dim=1)
            confidence, labels = guessed.max(dim=1)
        kept = (confidence >= self.threshold).to(guessed)
        self.note("confident", kept.mean())
        losses = functional.cross_entropy(self(self.strong_augmentation(unlabeled)), labels, reduction="none")
        mean: Tensor = (losses * kept).mean()
        return mean
