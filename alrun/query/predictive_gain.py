"""Expected predictive information gain of the label of one input about the labels of others."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.types import Moments

__all__ = ["epig", "epig_gaussian"]

BLOCK_VALUES = 1 << 18
BLOCK_COLUMNS = 1 << 13


def epig(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the mean mutual information in nats ``[N]`` of a candidate's label with the label of a target.

    Bickford Smith et al. (2023), "Prediction-Oriented Bayesian Active Learning", estimated by the mean over the
    ``K`` samples of the posterior. With ``P = p(y|x) p(y*|x*)`` and the joint probability ``P (1 + r)`` it is
    the sum of ``P phi(r)``, ``phi(r) = (1 + r) log(1 + r) - r``, and ``r`` a mean over the samples of products of
    relative deviations: one matrix product. No term is negative, so that in float32 small gains are not lost in the
    difference of large entropies. The matrix ``[N C, M C]`` is never held, only blocks of it (4 MB).

    Args:
        probabilities: Of the candidates, ``[K, N, C]``.
        targets: Of the inputs whose predictions are to improve, ``[K, M, C]``, from the same ``K`` samples.
    """
    samples, rows, classes = probabilities.shape
    mean, deviation = _relative(probabilities)
    target_mean, target_deviation = _relative(targets)
    weights = target_mean.flatten() / targets.shape[1]
    gains = mean.new_zeros(rows * classes)
    left = deviation.reshape(samples, -1).T / samples
    _add_blocks(gains, left, target_deviation.reshape(samples, -1), weights)
    return (gains.view(rows, classes) * mean).sum(dim=-1).clamp_min(0)


def _relative(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean ``[N, C]`` over samples, and by which part of it each deviates, ``[K, N, C]``, from -1 to K-1."""
    mean = probabilities.mean(dim=0)
    return mean, (probabilities - mean) / mean.clamp_min(torch.finfo(mean.dtype).tiny)


def _add_blocks(gains: Tensor, left: Tensor, right: Tensor, weights: Tensor) -> None:
    """Add ``phi(left @ right) @ weights`` to ``gains``."""
    lowest = torch.finfo(gains.dtype).eps - 1
    for columns, shares in zip(right.split(BLOCK_COLUMNS, dim=1), weights.split(BLOCK_COLUMNS), strict=True):
        height = max(1, BLOCK_VALUES // columns.shape[1])
        for rows, sums in zip(left.split(height), gains.split(height), strict=True):
            ratio = (rows @ columns).clamp_min_(lowest)
            logarithm = ratio.log1p()
            sums += torch.addcmul(logarithm, logarithm, ratio).sub_(ratio) @ shares


def epig_gaussian(moments: Moments, targets: Moments) -> Tensor:
    """Return the mean mutual information in nats ``[N]`` of a candidate's value with the value of a target.

    ``-log(1 - rho^2) / 2`` with the correlation ``rho`` of two predicted values, noise included, averaged over targets
    and over the ``T`` outputs. Exact where the ``K`` functions are draws of a Gaussian process; else the Gaussian of
    the same moments (Bickford Smith et al. 2023, with Gaussian predictive distributions). Moments of ``K``
    samples overrate ``rho^2`` by about ``1 / K``, for all candidates alike. The noise must not be 0: without it, what
    is learnt of an input itself is infinite.

    Args:
        moments: Of the candidates, ``[K, N, T]``.
        targets: Of the inputs whose predictions are to improve, ``[K, M, T]``, from the same ``K`` samples.
    """
    candidates, aims = _standardized(moments), _standardized(targets)
    limit = 1 - torch.finfo(candidates.dtype).eps
    found = []
    for left, right in zip(candidates.unbind(-1), aims.unbind(-1), strict=True):
        height = max(1, BLOCK_VALUES // max(1, right.shape[1]))
        blocks = ((rows.T @ right).square_().clamp_max_(limit) for rows in left.split(height, dim=1))
        found.append(torch.cat([block.neg_().log1p_().mean(dim=1) for block in blocks]))
    return torch.stack(found).mean(dim=0) / -2


def _standardized(moments: Moments) -> Tensor:
    """Return ``[K, N, T]`` whose products, summed over samples, are correlations."""
    spread = moments.mean - moments.mean.mean(dim=0)
    variance = moments.variance.mean(dim=0) + spread.square().mean(dim=0)
    return spread / (variance.clamp_min(torch.finfo(variance.dtype).tiny) * len(spread)).sqrt()
