"""Predictive variance of a regression."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.outputs import gaussian_moments
from alrun.core.protocols.driver import spec_of
from alrun.core.types import Prediction, Task
from alrun.query import scores
from alrun.query.base import ScoreQuery

__all__ = ["Variance"]


class Variance(ScoreQuery):
    """Largest predictive variance, averaged over the targets, in squared target units.

    With a stochastic inference the variance of the mixture of ``K`` predictions; without one the learner's own, so
    that the learner must predict a variance.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``scores.predictive_variance`` of the outputs, ``[B]``.

        Raises:
            StrategyError: When neither the inference nor the learner gives a variance.
        """
        num_targets = spec_of(self.driver).num_outputs
        if not prediction.stochastic and prediction.outputs.shape[-1] == num_targets:
            raise StrategyError(
                "Variance needs a predictive variance: use inference=mc_dropout, or learner.likelihood=gaussian"
            )
        return scores.predictive_variance(gaussian_moments(prediction.outputs.float(), num_targets))
