"""Smallest gap between the two most probable classes."""

from __future__ import annotations

from torch import Tensor

from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query import scores
from alrun.query.base import ScoreQuery

__all__ = ["Margin"]


class Margin(ScoreQuery):
    """Smallest gap between the two most probable classes, over the mean prediction when inference is stochastic.

    Args:
        max_samples: Rows a call.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
    """

    def __init__(self, max_samples: int, expected: bool = False) -> None:
        """Remember how ``K`` samples are read."""
        super().__init__(max_samples)
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``scores.margin`` of the class probabilities, ``[B]``."""
        return scores.margin(probabilities(prediction.outputs.float()), self.expected)
