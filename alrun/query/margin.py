"""Smallest gap between the two most probable classes."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.uncertainty import UncertaintyQuery

__all__ = ["Margin"]


class Margin(UncertaintyQuery):
    """Smallest gap between the two most probable classes, over the mean prediction when inference is stochastic.

    The rows with the highest ``scores.margin``, which is minus that gap (Scheffer et al. 2001).
    """

    measure = staticmethod(scores.margin)
