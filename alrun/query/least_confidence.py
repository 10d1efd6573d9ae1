"""Lowest probability of the most probable class."""

from __future__ import annotations

from torch import Tensor

from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query import scores
from alrun.query.base import ScoreQuery

__all__ = ["LeastConfidence"]


class LeastConfidence(ScoreQuery):
    """Lowest probability of the most probable class, over the mean prediction when inference is stochastic.

    Args:
        max_samples: Rows a call.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
    """

    def __init__(self, max_samples: int, expected: bool = False) -> None:
        """Remember how ``K`` samples are read."""
        super().__init__(max_samples)
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``scores.least_confidence`` of the class probabilities, ``[B]``."""
        return scores.least_confidence(probabilities(prediction.outputs.float()), self.expected)
