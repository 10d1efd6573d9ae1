"""Scores of predictions: pure functions from probabilities or moments.

Probabilities are ``[N, C]``, or ``[K, N, C]`` with one slice per posterior sample; rows sum to 1. Scores are ``[N]``
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
from alrun.query.per_row import doubt, negative_gap, shannon
from alrun.query.predictive_gain import epig, epig_gaussian

__all__ = [
    "bald",
    "consensus_kl",
    "doubt",
    "entropy",
    "epig",
    "epig_gaussian",
    "least_confidence",
    "margin",
    "negative_gap",
    "over_samples",
    "predictive_variance",
    "shannon",
    "variation_ratio",
    "vote_entropy",
]


def over_samples(score: Callable[[Tensor], Tensor], probabilities: Tensor, expected: bool) -> Tensor:
    """Return ``score`` of ``[N, C]``; of ``[K, N, C]``, that of the mean, or the mean of those where ``expected``."""
    if probabilities.ndim == 2:
        return score(probabilities)
    return score(probabilities).mean(dim=0) if expected else score(probabilities.mean(dim=0))


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


def variation_ratio(probabilities: Tensor, expected: bool = False) -> Tensor:
    """Return the share of the samples that vote against the most voted class, from 0 to ``1 - 1/C`` (Gal 2016).

    Deviation: a sample votes for its most probable class, where Gal draws its vote from its probabilities, so that the
    same samples always give the same score. Equally many votes, or equal probabilities, count for the lower class.

    Args:
        probabilities: ``[K, N, C]``.
        expected: Average over the samples how little each believes in the most voted class, one minus its probability,
            instead of counting those that vote against it: fewer ties.
    """
    shares = _vote_shares(probabilities)
    if not expected:
        return doubt(shares)
    return 1 - probabilities.mean(dim=0).gather(-1, shares.argmax(dim=-1, keepdim=True)).squeeze(-1)


def vote_entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy in nats of the samples' votes, from 0 to ``log min(K, C)`` (Dagan and Engelson 1995).

    Each of the ``K`` samples votes for its most probable class, the lower one of equals. Deviation: not divided by
    ``log min(K, C)``, which ranks the same.

    Args:
        probabilities: ``[K, N, C]``.
    """
    return shannon(_vote_shares(probabilities))


def _vote_shares(probabilities: Tensor) -> Tensor:
    """Return which part of the ``K`` samples votes for each class, ``[N, C]``; NaN where a probability is NaN."""
    votes = probabilities.argmax(dim=-1).T
    one = probabilities.new_full((), 1 / len(probabilities)).expand(votes.shape)
    # To argmax NaN is as good a class as any other: it has to come in by another way.
    return (0 * probabilities.sum(dim=0)).scatter_add_(-1, votes, one)


def consensus_kl(probabilities: Tensor) -> Tensor:
    """Return the mean divergence in nats of the samples from their mean (McCallum and Nigam 1998).

    ``KL(p_k || mean p)``, averaged over ``k``: the Jensen-Shannon divergence of the samples, which is what ``bald``
    computes by a difference of entropies. Here each term is that of a Bregman divergence, none of them negative, so
    that small scores keep their relative precision.

    Args:
        probabilities: ``[K, N, C]``.
    """
    mean = probabilities.mean(dim=0)
    limits = torch.finfo(probabilities.dtype)
    total = torch.zeros_like(mean)
    for sample in probabilities:
        excess = sample - mean
        ratio = (excess / mean.clamp_min(limits.tiny)).clamp_min(limits.eps - 1)
        total += sample * ratio.log1p() - excess
    return total.sum(dim=-1).clamp_min(0) / len(probabilities)


def predictive_variance(moments: Moments) -> Tensor:
    """Return the predictive variance ``[N]``, averaged over the ``T`` targets, in squared target units.

    Args:
        moments: ``[N, T]``, or ``[K, N, T]`` for an equal mixture of ``K`` Gaussians (law of total variance).
    """
    combined = mixture(moments) if moments.mean.ndim == 3 else moments
    return combined.variance.mean(dim=-1)
