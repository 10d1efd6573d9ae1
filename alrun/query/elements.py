"""Base of the strategies that score the elements of a row one by one: its only one, or each of its labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from alrun.core.arguments import raise_any
from alrun.core.outputs import element_probabilities
from alrun.core.types import Prediction, Task
from alrun.query.base import ScoreQuery
from alrun.query.per_item import per_item, reduction_problems

__all__ = ["ElementQuery"]


class ElementQuery(ScoreQuery):
    """Scores each element of a row by its class probabilities, and the row by those scores.

    A classification has one element a row, so that ``reduce`` means nothing to it. Of several elements (the labels of
    multi-label data, the pixels of a segmentation) each is scored as a classification by itself: how they depend on
    each other does not count.

    Args:
        max_samples: Rows a call.
        reduce: How the scores of its elements make that of a row: ``mean``, ``max``, ``sum``, or a number ``k`` for the
            mean of the ``k`` highest. ``None`` for ``mean``.

    Raises:
        ConfigError: ``reduce`` is none of these.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.REGRESSION}

    def __init__(self, max_samples: int, reduce: str | int | None = None) -> None:
        super().__init__(max_samples)
        raise_any(reduction_problems("query.*.reduce", reduce))
        self.reduce = "mean" if reduce is None else reduce

    def per_item(self, prediction: Prediction, measure: Callable[[Tensor], Tensor]) -> Tensor:
        """Return a score for each row of ``prediction``, ``[B]``; of a classification while nothing is attached.

        Args:
            prediction: Raw outputs.
            measure: From class probabilities ``[N, C]``, or ``[K, N, C]`` of posterior samples, to scores ``[N]``.
        """
        found = element_probabilities(prediction.outputs.float(), self.driver.spec if self.is_attached else None)
        scores = measure(found.flatten(-3, -2))
        return per_item(scores.view(found.shape[-3:-1]), self.reduce)
