"""Entropy of the predicted class probabilities."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.uncertainty import UncertaintyQuery

__all__ = ["Entropy"]


class Entropy(UncertaintyQuery):
    """Highest ``scores.entropy`` of the class probabilities, over the mean prediction when inference is stochastic."""

    measure = staticmethod(scores.entropy)
