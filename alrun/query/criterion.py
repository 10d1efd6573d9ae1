"""Criterion query: scores by a combination of criteria, written as an expression."""

from __future__ import annotations

from torch import Tensor

from alrun.core.types import Prediction
from alrun.query.criteria.base import Criterion
from alrun.query.criteria.expression import as_criterion
from alrun.query.elements import ElementQuery
from alrun.query.scores import over_samples

__all__ = ["ByCriterion"]


class ByCriterion(ElementQuery):
    """Highest value of a criterion on the class probabilities, over their mean when inference is stochastic.

    Args:
        max_samples: Rows a call.
        expression: Names of criteria and numbers with ``+ - * /`` and parentheses (see
            ``alrun.query.criteria.expression``); or a criterion, as Python or a nested ``_target_`` builds it.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
        reduce: See ``ElementQuery``.

    Raises:
        ConfigError: The expression cannot be read.
    """

    def __init__(
        self,
        max_samples: int,
        expression: str | Criterion = "entropy",
        expected: bool = False,
        reduce: str | int | None = None,
    ) -> None:
        super().__init__(max_samples, reduce)
        self.criterion = as_criterion(expression, "query.criterion.expression")
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return the criterion's scores, ``[B]``."""
        return self.per_item(prediction, lambda found: over_samples(self.criterion.score, found, self.expected))
