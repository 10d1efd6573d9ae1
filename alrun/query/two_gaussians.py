"""Mixture of two normal distributions of numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["upper_share"]

#: Added to variances, so that equal numbers have one.
_FLOOR = 5e-4
_STEPS, _TOLERANCE = 10, 1e-2


def upper_share(values: Tensor) -> Tensor:
    """Return the probability that each number is of the upper of two normal distributions, ``[n]`` ``float64``.

    They are fitted by expectation maximization with the settings of the code of Ning et al. (2022): ten steps at most,
    until the mean log-likelihood changes by less than 0.01; 0.0005 is added to variances. It starts from the cut into
    two groups with the least squares within (k-means in one dimension, exactly), where theirs starts from a random
    k-means.

    Args:
        values: ``[n]`` floats. Of fewer than two, the probability is 0.
    """
    numbers = values.double()
    if len(numbers) < 2:
        return torch.zeros_like(numbers)
    upper = (numbers > _cut(numbers)).double()
    weights, means, variances = _fitted(numbers, torch.stack([1 - upper, upper]))
    before = -math.inf
    for _ in range(_STEPS):
        likelihood, shares = _expected(numbers, weights, means, variances)
        weights, means, variances = _fitted(numbers, shares)
        if abs(likelihood - before) < _TOLERANCE:
            break
        before = likelihood
    return _expected(numbers, weights, means, variances)[1][int(means.argmax())]


def _cut(numbers: Tensor) -> Tensor:
    """Return the largest number of the lower group; of numbers that are all equal, less than these."""
    ordered = numbers.sort().values
    if bool(ordered[0] == ordered[-1]):
        return ordered[0] - 1
    centered = ordered - ordered.mean()
    counts = torch.arange(1, len(ordered), dtype=torch.float64, device=ordered.device)
    # The squares within are least where those of the sums, divided by the counts, are largest.
    sums = centered.cumsum(0)[:-1]
    between = sums.square() * (1 / counts + 1 / (len(ordered) - counts))
    return ordered[int(between.argmax())]


def _fitted(numbers: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight, mean and variance of both, ``[2]`` each, given their ``shares`` ``[2, n]`` of the numbers."""
    totals = shares.sum(dim=1) + 10 * torch.finfo(torch.float64).eps
    means = shares @ numbers / totals
    variances = (shares * (numbers - means.unsqueeze(1)).square()).sum(dim=1) / totals + _FLOOR
    return totals / len(numbers), means, variances


def _expected(numbers: Tensor, weights: Tensor, means: Tensor, variances: Tensor) -> tuple[float, Tensor]:
    """Return the mean log-likelihood, and the share ``[2, n]`` that each of both has in the numbers."""
    squares = (numbers - means.unsqueeze(1)).square() / variances.unsqueeze(1)
    logs = weights.log().unsqueeze(1) - 0.5 * (squares + (2 * math.pi * variances).log().unsqueeze(1))
    total = logs.logsumexp(dim=0)
    return float(total.mean()), (logs - total).exp()
