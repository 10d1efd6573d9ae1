"""Intervals of a mean: Student's t for few values, the bootstrap from ten on."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BOOTSTRAP_FROM", "LEVEL", "RESAMPLES", "mean_interval", "resampled_counts"]

LEVEL = 0.95
#: The number of values from which on the bootstrap is used.
BOOTSTRAP_FROM = 10
RESAMPLES = 9999


@lru_cache(maxsize=8)
def resampled_counts(n: int, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Return how often each of ``n`` values is drawn in each bootstrap sample, ``[resamples, n]``; rows sum to ``n``.

    The same numbers give the same samples, so a report is the same whenever it is made; the array is read-only.

    >>> resampled_counts(4, resamples=100).sum(axis=1).min()
    np.float64(4.0)
    """
    import numpy as np

    drawn = np.random.default_rng(seed).integers(0, n, size=(resamples, n))
    rows = np.arange(resamples)[:, None] * n
    counts = np.bincount((drawn + rows).ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)
    counts.setflags(write=False)
    return counts


def mean_interval(values: ArrayLike, level: float = LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of the interval of the mean over the first axis of ``values``, ``[n, ...]``.

    Under ``BOOTSTRAP_FROM`` values it is Student's, mean ± t(n - 1) s / √n; from there on the percentile bootstrap of
    the mean (Efron 1979) with ``RESAMPLES`` samples, which also is right where the values are skewed. The interval of
    one value is ``NaN``.

    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(float(high) - 2.0, 3)  # 4.303 / sqrt(3)
    2.484
    """
    import numpy as np
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    data = np.asarray(values, dtype=np.float64)
    n = len(data)
    if n < 2:
        nothing = np.full(data.shape[1:], np.nan)
        return nothing, nothing.copy()
    if n < BOOTSTRAP_FROM:
        center = data.mean(axis=0)
        half = stdtrit(n - 1, (1 + level) / 2) * data.std(axis=0, ddof=1) / np.sqrt(n)
        return center - half, center + half
    means = resampled_counts(n) @ data.reshape(n, -1) / n
    ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = ends.reshape(2, *data.shape[1:])
    return low, high
