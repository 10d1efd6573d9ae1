"""Ranks of strategies over experiments: mean, interval, agreement of metrics, critical difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alrun.report.statistics.intervals import LEVEL, resampled_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAST_DATA_SETS", "CriticalDifference", "critical_difference", "kendall_tau", "mean_ranks"]

#: The fewest data sets for which a critical difference is drawn.
LEAST_DATA_SETS = 5


class CriticalDifference(NamedTuple):
    """What Friedman's and Nemenyi's tests say (Demšar 2006).

    Attributes:
        ranks: Mean rank of each strategy, ``[S]``; 1 is best.
        difference: Two mean ranks that lie further apart than this differ at the 5 % level.
        p: p-value of Friedman's test that all strategies are equal.
        cliques: Indices of strategies, best first, of each largest set whose ranks lie within ``difference``.
    """

    ranks: NDArray[np.float64]
    difference: float
    p: float
    cliques: list[list[int]]


def mean_ranks(
    scores: ArrayLike, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean rank and the ends of its bootstrap interval, each ``[S]``; rank 1 is best, ties share their mean.

    Args:
        scores: Of each block (experiment and seed) the score of each strategy, ``[B, S]``, higher is better. Blocks are
            what is resampled; a block that lacks a strategy is left out.
        level: Level of the interval.

    >>> ranks, _, _ = mean_ranks([[0.9, 0.8, 0.7], [0.9, 0.9, 0.1]])
    >>> ranks
    array([1.25, 1.75, 3.  ])
    """
    import numpy as np
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    data = np.asarray(scores, dtype=np.float64)
    data = data[np.isfinite(data).all(axis=1)]
    if not len(data):
        nothing = np.full(data.shape[1], np.nan)
        return nothing, nothing.copy(), nothing.copy()
    ranks = rankdata(-data, axis=1)
    means = resampled_counts(len(ranks)) @ ranks / len(ranks)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ranks.mean(axis=0), low, high


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float:
    """Return Kendall's τ-b of two scorings of the same strategies, each ``[S]``; ``NaN`` if one of them ties all.

    >>> round(kendall_tau([0.9, 0.8, 0.7], [3.0, 2.0, 2.5]), 3)
    0.333
    """
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def critical_difference(scores: ArrayLike) -> CriticalDifference:
    """Return Friedman's test and Nemenyi's critical difference at the 5 % level.

    Args:
        scores: Of each data set the mean score of each strategy, ``[D, S]``, higher is better; ``S`` is at least 3.

    Raises:
        ValueError: There are fewer than ``LEAST_DATA_SETS`` data sets, or three strategies.
    """
    import numpy as np
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    data = np.asarray(scores, dtype=np.float64)
    sets, size = data.shape
    if sets < LEAST_DATA_SETS or size < 3:
        raise ValueError(f"{sets} data sets and {size} strategies: at least {LEAST_DATA_SETS} and 3 are needed")
    ranks = rankdata(-data, axis=1).mean(axis=0)
    quantile = studentized_range.isf(1 - LEVEL, size, np.inf) / np.sqrt(2)
    difference = float(quantile * np.sqrt(size * (size + 1) / (6 * sets)))
    return CriticalDifference(ranks, difference, float(friedmanchisquare(*data.T).pvalue), _cliques(ranks, difference))


def _cliques(ranks: NDArray[np.float64], difference: float) -> list[list[int]]:
    order = [int(i) for i in ranks.argsort(kind="stable")]
    found: list[list[int]] = []
    for start, first in enumerate(order):
        clique = [other for other in order[start:] if ranks[other] - ranks[first] <= difference]
        if len(clique) > 1 and not (found and set(clique) <= set(found[-1])):
            found.append(clique)
    return found
