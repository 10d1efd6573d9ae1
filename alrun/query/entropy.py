"""Entropy of the predicted class probabilities."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.uncertainty import UncertaintyQuery

__all__ = ["Entropy"]


class Entropy(UncertaintyQuery):
    """Highest ``scores.entropy`` of the class probabilities, over the mean prediction when inference is stochastic.

    Uncertainty sampling by the entropy of Shannon 1948 (Settles 2009, eq. 3).
    """

    measure = staticmethod(scores.entropy)
