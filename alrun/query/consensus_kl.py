"""Divergence of the posterior samples from their consensus."""

from __future__ import annotations

from alrun.query import scores
from alrun.query.committee import CommitteeQuery

__all__ = ["ConsensusKl"]


class ConsensusKl(CommitteeQuery):
    """Highest ``scores.consensus_kl``: divergence of the samples from their mean (McCallum and Nigam 1998).

    Mathematically the score of ``Bald``, more exact where it is small.
    """

    disagreement = staticmethod(scores.consensus_kl)
