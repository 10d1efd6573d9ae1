"""How informative a prediction is: pure functions from probabilities or moments to scores.

Probabilities are ``[N, C]``, or ``[K, N, C]`` with one slice a posterior sample; each row sums to 1. Scores are ``[N]``
in the same dtype and on the same device, higher = more informative. Zeros and ones among the probabilities are fine.

With ``K`` samples two readings exist. The *predictive* one scores the mean probabilities (all uncertainty); the
*expected* one averages the scores of the samples (the part that more labels do not remove). For ``[N, C]`` they are the
same. The predictive one is the default.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.core.outputs import mixture
from alrun.core.types import Moments

__all__ = [
    "bald",
    "doubt",
    "entropy",
    "least_confidence",
    "margin",
    "negative_gap",
    "over_samples",
    "predictive_variance",
    "shannon",
]


def over_samples(score: Callable[[Tensor], Tensor], probabilities: Tensor, expected: bool) -> Tensor:
    """Return ``score`` of ``[N, C]``; of ``[K, N, C]``, that of the mean, or the mean of those where ``expected``."""
    if probabilities.ndim == 2:
        return score(probabilities)
    return score(probabilities).mean(dim=0) if expected else score(probabilities.mean(dim=0))


def shannon(probabilities: Tensor) -> Tensor:
    """Return the entropy in nats ``[..., N]`` of ``[..., N, C]``."""
    surprise: Tensor = torch.special.entr(probabilities)
    return surprise.sum(dim=-1)


def negative_gap(probabilities: Tensor) -> Tensor:
    """Return minus the gap between the two largest of ``[..., N, C]``, ``[..., N]``."""
    best = probabilities.topk(2, dim=-1).values
    return best[..., 1] - best[..., 0]


def doubt(probabilities: Tensor) -> Tensor:
    """Return one minus the largest of ``[..., N, C]``, ``[..., N]``."""
    return 1 - probabilities.amax(dim=-1)


def entropy(probabilities: Tensor, expected: bool = False) -> Tensor:
    """Return the Shannon entropy in nats, from 0 to ``log C`` (Shannon 1948; Settles 2009, eq. 3).

    Args:
        probabilities: ``[N, C]`` or ``[K, N, C]``.
        expected: Average the entropies of the ``K`` samples instead of taking the entropy of their mean.
    """
    return over_samples(shannon, probabilities, expected)


def margin(probabilities: Tensor, expected: bool = False) -> Tensor:
    """Return minus the gap between the two largest probabilities, from -1 to 0 (Scheffer et al. 2001).

    Args:
        probabilities: ``[N, C]`` or ``[K, N, C]``, with at least two classes.
        expected: Average the gaps of the ``K`` samples instead of taking the gap of their mean.
    """
    return over_samples(negative_gap, probabilities, expected)


def least_confidence(probabilities: Tensor, expected: bool = False) -> Tensor:
    """Return one minus the largest probability, from 0 to ``1 - 1/C`` (Lewis and Gale 1994).

    Args:
        probabilities: ``[N, C]`` or ``[K, N, C]``.
        expected: Average the values of the ``K`` samples instead of taking the value of their mean.
    """
    return over_samples(doubt, probabilities, expected)


def bald(probabilities: Tensor) -> Tensor:
    """Return the mutual information of label and weights in nats (Houlsby et al. 2011, eq. 2).

    The entropy of the mean prediction minus the mean entropy of the predictions, with the ``K`` slices as posterior
    samples (Gal et al. 2017). Rounding below zero is cut off; one sample gives exactly 0.

    Args:
        probabilities: ``[K, N, C]``.
    """
    return (entropy(probabilities) - entropy(probabilities, expected=True)).clamp_min(0)


def predictive_variance(moments: Moments) -> Tensor:
    """Return the predictive variance ``[N]``, averaged over the ``T`` targets, in squared target units.

    Args:
        moments: ``[N, T]``, or ``[K, N, T]`` for an equal mixture of ``K`` Gaussians (law of total variance).
    """
    combined = mixture(moments) if moments.mean.ndim == 3 else moments
    return combined.variance.mean(dim=-1)
