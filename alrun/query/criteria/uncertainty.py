"""Elementary uncertainty criteria. Each accepts zeros and ones among the probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query import scores
from alrun.query.criteria.base import Criterion

__all__ = ["Entropy", "L1Upper", "L2Upper", "LeastConfidence", "Margin"]


class LeastConfidence(Criterion):
    """One minus the largest probability, from 0 to ``1 - 1/C``: ``scores.least_confidence``."""

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the scores ``[..., N]``."""
        return scores.doubt(probabilities)

    def __repr__(self) -> str:
        return "least_confidence"


class Margin(Criterion):
    """Minus the gap between the two largest probabilities, from -1 to 0: ``scores.margin``."""

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the scores ``[..., N]``."""
        return scores.negative_gap(probabilities)

    def __repr__(self) -> str:
        return "margin"


class Entropy(Criterion):
    """Shannon entropy in nats, from 0 to ``log C``: ``scores.entropy``."""

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the scores ``[..., N]``."""
        return scores.shannon(probabilities)

    def __repr__(self) -> str:
        return "entropy"


class L1Upper(Criterion):
    """Minus the L1 norm of the cross-entropies of all classes, ``sum_c log p_c``, at most ``-C log C``.

    Whatever the label of a row turns out to be, its cross-entropy is at most ``-sum_c log p_c``. Shui et al. (2020),
    "Deep Active Learning: Unified and Principled Method for Query and Training" (arXiv:1911.09162), take the rows where
    this bound is lowest (``L1_upper`` in the code they released), and it is lowest where the prediction is uniform;
    hence the sign. Deviation: a probability below the smallest normal number of its dtype counts as that number, so
    that ``p = 0`` is finite.
    """

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the scores ``[..., N]``."""
        return _safe_log(probabilities).sum(dim=-1)

    def __repr__(self) -> str:
        return "l1_upper"


class L2Upper(Criterion):
    """Minus the L2 norm of the cross-entropies of all classes, at most ``-sqrt(C) log C``, for uniform predictions.

    The Euclidean sibling of ``L1Upper`` (see there for source, sign and ``p = 0``).
    """

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the scores ``[..., N]``."""
        norm: Tensor = torch.linalg.vector_norm(_safe_log(probabilities), dim=-1)
        return -norm

    def __repr__(self) -> str:
        return "l2_upper"


def _safe_log(probabilities: Tensor) -> Tensor:
    floor = torch.finfo(probabilities.dtype).tiny
    return torch.log(probabilities.clamp_min(floor))
