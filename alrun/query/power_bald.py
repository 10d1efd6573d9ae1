"""PowerBALD: rows sampled with probability proportional to a power of their BALD scores."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.types import Prediction
from alrun.query.perturbed import PerturbedBald

__all__ = ["PowerBald"]


class PowerBald(PerturbedBald):
    """Chances proportional to ``bald ** coldness`` (Kirsch et al. 2023, power; see ``PerturbedBald``).

    Deviation: a score of 0 counts as the smallest normal float32, so that rows without any are drawn at random last.
    """

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``coldness * log bald`` plus noise, ``[B]`` ``float64``."""
        positive = self.bald(prediction).clamp_min(torch.finfo(torch.float32).tiny)
        return self.coldness * positive.log() + self.noise(prediction.indices)
