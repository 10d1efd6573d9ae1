"""Base of the strategies that score the disagreement of posterior samples."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.types import Prediction
from alrun.query.elements import ElementQuery

__all__ = ["CommitteeQuery"]


class CommitteeQuery(ElementQuery):
    """Highest ``disagreement`` of the samples first. Name a function of ``alrun.query.scores`` in a subclass.

    Args:
        max_samples: Rows a call.
        reduce: See ``ElementQuery``.

    Attributes:
        disagreement: Function of the class probabilities of ``K`` samples, ``[K, B, C]``, to scores ``[B]``.
    """

    requires_stochastic: ClassVar[bool] = True
    disagreement: ClassVar[staticmethod[[Tensor], Tensor]]

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``disagreement`` of the class probabilities, ``[B]``."""
        return self.per_item(prediction, type(self).disagreement)
