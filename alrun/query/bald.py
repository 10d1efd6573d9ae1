"""BALD: mutual information between label and weights, from posterior samples."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.committee import CommitteeQuery

__all__ = ["Bald"]


class Bald(CommitteeQuery):
    """Mutual information of label and weights (Houlsby et al. 2011), over the samples of a stochastic inference.

    The rows with the highest ``scores.bald``. Scores each row by itself: a batch may hold rows that teach the same.
    """

    disagreement = staticmethod(scores.bald)
