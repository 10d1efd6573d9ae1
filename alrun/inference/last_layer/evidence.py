"""Marginal likelihood of a Laplace approximation, and the precisions that maximize it.

MacKay (1992), "Bayesian interpolation", section 4; for networks Immer et al. (2021), "Scalable marginal likelihood
estimation". With the eigenvalues ``s`` of the Gauss-Newton matrix at noise variance 1, weights ``w``, prior precision
``d`` and noise variance ``v`` (1 for a classification), ``g = sum s / (s + d v)`` weights are determined by the data.
At a maximum ``d |w|² = g``, and for a Gaussian likelihood of ``n`` residuals ``v (n - g)`` is the sum of their squares.
Both sides are monotone, so that each has one solution, found by bisection: the same on every run, to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

__all__ = ["LEAST", "MOST", "log_marginal", "noise_and_precision", "noise_variance", "prior_precision"]

#: Bounds of what is looked for.
LEAST, MOST = 1e-8, 1e8
_HALVINGS = 100


def determined(eigenvalues: Tensor, precision: float) -> float:
    """Return how many weights the data determine rather than the prior, ``sum s / (s + precision)``."""
    return float((eigenvalues / (eigenvalues + precision)).sum())


def log_marginal(fit: float, eigenvalues: Tensor, squared_norm: float, precision: float) -> float:
    """Return the log marginal likelihood of the data, in nats (Immer et al. 2021, section 3).

    Args:
        fit: Log-likelihood of the data under the trained weights.
        eigenvalues: ``[P]``, of the Gauss-Newton matrix of the negative log-likelihood.
        squared_norm: Of the weights.
        precision: Of the prior.
    """
    volume = float((eigenvalues / precision).log1p().sum())
    return fit - 0.5 * (precision * squared_norm + volume)


def prior_precision(eigenvalues: Tensor, squared_norm: float) -> float:
    """Return the prior precision, from 1e-8 to 1e8, that maximizes ``log_marginal``."""
    return _root(lambda precision: determined(eigenvalues, precision) - precision * squared_norm)


def noise_variance(eigenvalues: Tensor, precision: float, squared_error: float, count: int) -> float:
    """Return the noise variance that maximizes the marginal likelihood of a regression at a given prior precision.

    Args:
        eigenvalues: ``[P]``, of the Gauss-Newton matrix at noise variance 1.
        precision: Of the prior.
        squared_error: Sum of the squares of ``count`` residuals.
        count: How many there are.
    """
    return _root(lambda noise: _error(eigenvalues, precision * noise, squared_error, count) - noise)


def noise_and_precision(
    eigenvalues: Tensor, squared_norm: float, squared_error: float, count: int
) -> tuple[float, float]:
    """Return the noise variance and the prior precision that maximize the marginal likelihood of a regression together.

    One equation for their product: see ``noise_variance`` for the arguments.
    """

    def excess(product: float) -> float:
        noise = _error(eigenvalues, product, squared_error, count)
        return noise * determined(eigenvalues, product) - product * squared_norm

    product = _root(excess)
    noise = min(max(_error(eigenvalues, product, squared_error, count), LEAST), MOST)
    return noise, min(max(product / noise, LEAST), MOST)


def _error(eigenvalues: Tensor, product: float, squared_error: float, count: int) -> float:
    free = count - determined(eigenvalues, product)
    return squared_error / free if free > 0 else math.inf


def _root(decreasing: Callable[[float], float]) -> float:
    """Return where a decreasing function turns negative, to the precision of the logarithm; else a bound."""
    low, high = math.log(LEAST), math.log(MOST)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if decreasing(math.exp(middle)) > 0:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high))
