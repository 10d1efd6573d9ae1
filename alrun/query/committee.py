"""Base of the strategies that score the disagreement of posterior samples."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query.base import ScoreQuery

__all__ = ["CommitteeQuery"]


class CommitteeQuery(ScoreQuery):
    """Highest ``disagreement`` of the samples first. Name a function of ``alrun.query.scores`` in a subclass.

    Args:
        max_samples: Rows a call.

    Attributes:
        disagreement: Function of the class probabilities of ``K`` samples, ``[K, B, C]``, to scores ``[B]``.
    """

    requires_stochastic: ClassVar[bool] = True
    disagreement: ClassVar[staticmethod[[Tensor], Tensor]]

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``disagreement`` of the class probabilities, ``[B]``."""
        return type(self).disagreement(probabilities(prediction.outputs.float()))
