"""Core-MSE: expected reduction of the mean squared error of the predictions for the pool (BEMPS)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from alrun.core.needs import require_samples
from alrun.core.outputs import probabilities
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.types import Prediction
from alrun.query.base import ScoreQuery

__all__ = ["CoreMse", "quadratic_gain", "sample_products"]


def sample_products(targets: Tensor) -> Tensor:
    """Return the products ``[K, K]`` ``float64`` of what samples say of ``targets`` ``[K, M, C]``, less their mean."""
    moved = (targets - targets.mean(dim=0)).double().flatten(1)
    return moved @ moved.T


def quadratic_gain(candidates: Tensor, products: Tensor) -> Tensor:
    """Return how much the label of each candidate is expected to improve the Brier score of the targets, ``[N]``.

    The sum over targets of ``E_y sum_c (p(c | target, y) - p(c | target))²``, where a label ``y`` reweights the ``K``
    samples of the posterior by its likelihood.

    Args:
        candidates: Probabilities ``[K, N, C]``.
        products: What ``sample_products`` returns of the targets, from the same ``K`` samples.
    """
    samples = len(candidates)
    mean = candidates.double().mean(dim=0)
    relative = candidates.double() / mean.clamp_min(torch.finfo(candidates.dtype).tiny) - 1
    moved = torch.einsum("knc,kl,lnc->nc", relative, products / samples**2, relative)
    return (mean * moved).sum(dim=1).clamp_min(0)


class CoreMse(ScoreQuery):
    """Highest expected increase of the mean proper score of the pool, with the Brier score (Tan, Du and Buntine 2021).

    BEMPS, "Diversity enhanced active learning with strictly proper scoring rules", core-MSE: the expected change of the
    predictions for all rows of the pool when the label of one is known, in squared probability per row. Theirs is
    estimated on a random part of the pool; here it is exact over all of it, for a quadratic score needs no more of the
    targets than a matrix ``[K, K]``. It takes two passes over the pool. The score of their published code differs from
    this by a constant. The same with the logarithmic score, core-log, is ``Epig``.

    Deviation: the rows of the highest scores are taken, without the clustering by which they spread large batches.
    """

    requires_stochastic: ClassVar[bool] = True

    def sample(self, query_queue: AbstractQueue, *args: object, **kwargs: object) -> None:  # type: ignore[type-arg]
        """Put the rows with the highest scores in ``query_queue``.

        Raises:
            StrategyError: When a score is NaN, or inference gives one sample only.
        """
        self._products, count = torch.zeros(()), 0
        if self.max_samples and len(self.driver.unlabeled_pool):
            for prediction in self.driver.predictor(self.driver.unlabeled_pool):
                self._products = self._products + sample_products(self._samples(prediction))
                count += len(prediction.indices)
            self._products = self._products / count
        super().sample(query_queue)

    def score(self, prediction: Prediction) -> Tensor:
        """Return the expected increase, averaged over the pool, ``[B]``."""
        return quadratic_gain(self._samples(prediction), self._products)

    def _samples(self, prediction: Prediction) -> Tensor:
        require_samples(self, prediction.stochastic, self.strategy_name)
        return probabilities(prediction.outputs.float())
