"""Variation ratio: share of the posterior samples that do not vote for the most voted class."""

from __future__ import annotations

from typing import ClassVar

from alrun.query import scores
from alrun.query.uncertainty import UncertaintyQuery

__all__ = ["VariationRatio"]


class VariationRatio(UncertaintyQuery):
    """Highest ``scores.variation_ratio``: the share of posterior samples that vote against the most voted class.

    Gal 2016, see there. With ``K`` samples it has at most ``K`` values, and many rows tie; ``expected`` says how sure
    the samples are too.
    """

    requires_stochastic: ClassVar[bool] = True
    measure = staticmethod(scores.variation_ratio)
