"""Lowest probability of the most probable class."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.uncertainty import UncertaintyQuery

__all__ = ["LeastConfidence"]


class LeastConfidence(UncertaintyQuery):
    """Lowest probability of the most probable class, over the mean prediction when inference is stochastic.

    The rows with the highest ``scores.least_confidence``, one minus that probability (Lewis and Gale 1994).
    """

    measure = staticmethod(scores.least_confidence)
