"""Paired tests of one strategy against another over the seeds that both have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedTest", "holm", "p_value", "paired_test", "power"]


@dataclass(frozen=True)
class PairedTest:
    """What paired differences say.

    Attributes:
        n: Pairs.
        mean: Mean difference.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        effect: Cohen's d of paired values, mean over standard deviation of the differences.
        t: Two-sided p-value of the paired t-test (Student 1908).
        wilcoxon: Two-sided p-value of the signed-rank test (Wilcoxon 1945), exact up to 50 pairs without ties.
    """

    n: int
    mean: float
    low: float
    high: float
    effect: float
    t: float
    wilcoxon: float


def paired_test(differences: ArrayLike) -> PairedTest:
    """Return the tests of ``differences``, ``[n]``, one of each seed.

    Values that are undefined are ``NaN``: all but the mean for one pair; p-values where all differences are zero.

    >>> round(paired_test([0.1, 0.2, 0.3]).t, 4)
    0.0742
    """
    import numpy as np

    from alrun.report.statistics.intervals import mean_interval

    data = np.asarray(differences, dtype=np.float64)
    n = len(data)
    if not n:
        return PairedTest(0, *[float("nan")] * 6)
    mean = float(data.mean())
    low, high = (float(end) for end in mean_interval(data))
    deviation = np.float64(data.std(ddof=1) if n > 1 else np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = float(mean / deviation)
    return PairedTest(n, mean, low, high, effect, float(p_value(mean, deviation / np.sqrt(n), n)), _wilcoxon(data))


def p_value(mean: ArrayLike, error: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the two-sided p-value of Student's t-test, elementwise; ``NaN`` under two values.

    Args:
        mean: Means of differences.
        error: Their standard errors, s / √n with ``ddof=1``; 0 of constant differences, whose p-value is 0.
        n: Numbers of differences.

    >>> p_value([0.2], [0.0577350269], [3]).round(4)
    array([0.0742])
    """
    import numpy as np
    from scipy.special import stdtr  # type: ignore[import-untyped]

    freedom = np.asarray(n) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * stdtr(freedom, -np.abs(np.asarray(mean) / np.asarray(error)))
    return np.where(freedom > 0, found, np.nan)


def _wilcoxon(differences: NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon  # type: ignore[import-untyped]

    if len(differences) < 2 or not differences.any():
        return float("nan")
    return float(wilcoxon(differences).pvalue)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return ``p_values``, ``[m]``, corrected for being several (Holm 1979); ``NaN`` stays and is not counted.

    Own code, because statsmodels' ``multipletests`` gives the same numbers and takes more than a second to import.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    import numpy as np

    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    order = np.argsort(given, kind="stable")[: int(np.isfinite(given).sum())]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * factors))
    return corrected


def power(n: int, effect: float = 1.0, alpha: float = 0.05) -> float:
    """Return how often a two-sided paired t-test of ``n`` pairs finds a difference of ``effect`` standard deviations.

    From the noncentral t distribution with noncentrality ``effect · √n`` (Cohen 1988); ``NaN`` under two pairs.

    >>> round(power(5), 2)
    0.4
    """
    import numpy as np
    from scipy.stats import nct, t

    if n < 2:
        return float("nan")
    critical, shift = t.isf(alpha / 2, n - 1), effect * np.sqrt(n)
    return float(nct.sf(critical, n - 1, shift) + nct.cdf(-critical, n - 1, shift))
