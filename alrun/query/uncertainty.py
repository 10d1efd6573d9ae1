"""Base of the uncertainty strategies: a measure of class probabilities, over one prediction or several."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.types import Prediction
from alrun.query.elements import ElementQuery

__all__ = ["UncertaintyQuery"]


class UncertaintyQuery(ElementQuery):
    """Highest value of ``measure`` first. Name a function of ``alrun.query.scores`` in a subclass.

    Args:
        max_samples: Rows a call.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
        reduce: See ``ElementQuery``.

    Attributes:
        measure: Function of probabilities ``[B, C]`` or ``[K, B, C]`` and of ``expected``, to scores ``[B]``.
    """

    measure: ClassVar[staticmethod[[Tensor, bool], Tensor]]

    def __init__(self, max_samples: int, expected: bool = False, reduce: str | int | None = None) -> None:
        """Remember how ``K`` samples are read."""
        super().__init__(max_samples, reduce)
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``measure`` of the class probabilities, ``[B]``."""
        return self.per_item(prediction, lambda found: type(self).measure(found, self.expected))
