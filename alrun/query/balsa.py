"""BALSA: disagreement of the distributions that posterior samples predict, for regressions."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.needs import require_samples
from alrun.core.outputs import gaussian_moments
from alrun.core.protocols.driver import spec_of
from alrun.core.types import Moments, Prediction, Task
from alrun.query.base import ScoreQuery

__all__ = ["Balsa", "paired_divergence"]


def paired_divergence(moments: Moments) -> Tensor:
    """Return the sum of the divergences in nats of each sample's Gaussian from that of the next one, ``[N]``.

    ``KL(N(m, v) || N(m', v')) = (log(v' / v) + (v + (m - m')²) / v' - 1) / 2``, summed over the ``T`` targets and over
    the ``K - 1`` pairs of neighbors.

    Args:
        moments: ``[K, N, T]``, with variances above 0.
    """
    mean, variance = moments.mean.double(), moments.variance.double()
    ratio = variance[:-1] / variance[1:]
    shift = (mean[:-1] - mean[1:]).square() / variance[1:]
    return ((ratio - 1 - ratio.log() + shift) / 2).sum(dim=(0, 2))


class Balsa(ScoreQuery):
    """Highest disagreement of predicted distributions (Werner and Schmidt-Thieme 2025, BALSA-KL with pairs).

    "Bayesian active learning by distribution disagreement": the divergence of the distribution that a posterior sample
    predicts from that of the next sample, summed over the samples. Deviation: the learner predicts a Gaussian, for
    which divergences have a closed form (``paired_divergence``); the authors' normalizing flow needs a grid of values.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    requires_stochastic: ClassVar[bool] = True

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``paired_divergence`` of the outputs, ``[B]``.

        Raises:
            StrategyError: The learner predicts no variance, or there are no posterior samples.
        """
        require_samples(self, prediction.stochastic, self.strategy_name)
        targets = spec_of(self.driver).num_outputs
        if prediction.outputs.shape[-1] == targets:
            raise StrategyError(
                "the learner predicts no variance, without which distributions are points\n"
                "    → let the learner predict a variance: learner.likelihood=gaussian"
            )
        return paired_divergence(gaussian_moments(prediction.outputs.float(), targets))
