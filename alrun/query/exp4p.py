"""EXP4.P: chances of several advisers, which grow with what came of their advice."""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["chances", "least_chance", "updated"]


def least_chance(count: int, rounds: int) -> float:
    """Return the chance that each of ``count`` advisers keeps over ``rounds`` rounds.

    ``sqrt(ln(count) / (count rounds))``, and at most half of an even share: few rounds leave something to learn.

    >>> round(least_chance(4, 25), 4)
    0.1177
    """
    return min(math.sqrt(math.log(count) / (count * rounds)), 0.5 / count) if count > 1 else 1.0


def chances(log_weights: Tensor, least: float) -> Tensor:
    """Return the chance of each adviser, ``[N]`` ``float64``, in sum 1 and each at least ``least``.

    Args:
        log_weights: ``[N]`` ``float64``.
        least: At most ``1 / N``.
    """
    return (1 - len(log_weights) * least) * log_weights.softmax(dim=0) + least


def updated(
    log_weights: Tensor, gains: Tensor, spreads: Tensor, least: float, rounds: int, delta: float = 0.1
) -> Tensor:
    """Return the logarithms of the weights after a round, ``[N]``.

    Beygelzimer et al. 2011, "Contextual bandit algorithms with supervised learning guarantees", algorithm 1:
    ``w <- w exp(least / 2 (gain + spread sqrt(ln(N / delta) / (N rounds))))``, with the ``N`` pieces of advice as arms.

    Args:
        log_weights: ``[N]`` ``float64``.
        gains: Estimate of what each adviser's advice would have earned, ``[N]``.
        spreads: Estimate of the variance of that, ``[N]``.
        least: See ``chances``.
        rounds: Rounds in all.
        delta: Probability with which the bound on the regret may fail.
    """
    count = len(log_weights)
    bonus = math.sqrt(math.log(count / delta) / (count * rounds))
    raised: Tensor = log_weights + least / 2 * (gains + bonus * spreads)
    return raised - raised.max()
