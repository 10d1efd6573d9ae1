"""SoftmaxBALD: rows sampled with probability proportional to the exponential of their BALD scores."""

from __future__ import annotations

from torch import Tensor

from alrun.core.types import Prediction
from alrun.query.perturbed import PerturbedBald

__all__ = ["SoftmaxBald"]


class SoftmaxBald(PerturbedBald):
    """Chances proportional to ``exp(coldness * bald)`` (Kirsch et al. 2023, softmax; see ``PerturbedBald``).

    Scores are in nats, mostly far below one, so that a coldness of 1 draws nearly at random.
    """

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``coldness * bald`` plus noise, ``[B]`` ``float64``."""
        return self.coldness * self.bald(prediction) + self.noise(prediction.indices)
