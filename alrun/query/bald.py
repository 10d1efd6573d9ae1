"""Disagreement of the posterior samples: BALD."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query import scores
from alrun.query.base import ScoreQuery

__all__ = ["Bald"]


class Bald(ScoreQuery):
    """Mutual information of label and weights (Houlsby et al. 2011), over the samples of a stochastic inference.

    Scores each row by itself: a batch may hold rows that teach the same thing.
    """

    requires_stochastic: ClassVar[bool] = True

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``scores.bald`` of the class probabilities ``[K, B, C]``, ``[B]`` in nats."""
        return scores.bald(probabilities(prediction.outputs.float()))
