"""Entropy of the votes of the posterior samples."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.committee import CommitteeQuery

__all__ = ["VoteEntropy"]


class VoteEntropy(CommitteeQuery):
    """Highest ``scores.vote_entropy``: entropy of the votes of the posterior samples (Dagan and Engelson 1995).

    ``K`` votes fall in few ways on the classes, so that many rows tie; these go by row number.
    """

    disagreement = staticmethod(scores.vote_entropy)
