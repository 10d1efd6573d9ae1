"""Pairwise penalty matrix: how often one strategy is significantly better than another (Ash et al. 2020, BADGE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["penalty_matrix"]


def penalty_matrix(
    curves: Sequence[NDArray[np.float64]], alpha: float = 0.05, *, corrected: bool = False
) -> NDArray[np.float64]:
    """Return the penalty matrix, ``[S, S]``: row strategy beats column strategy.

    Of each experiment every number of labels is one comparison: if the two-sided paired t-test over seeds finds row
    better than column, ``1 / L`` is added, with ``L`` the numbers of labels of that experiment. So an entry is at most
    the number of experiments, and a strategy is good if its column is small (appendix of Ash et al. 2020, where a t
    statistic beyond 2.776 stands for the test with five seeds).

    Args:
        curves: Of each experiment ``[S, n, L]``: strategies, seeds, numbers of labels; higher is better. What an
            experiment lacks, a strategy or one of its seeds, is ``NaN``; a pair is tested over the seeds of both.
        alpha: Level of each test.
        corrected: Correct the tests at one number of labels for being several pairs (Holm 1979), as nnActive does.
    """
    import numpy as np

    size = curves[0].shape[0]
    total = np.zeros((size, size))
    for experiment in curves:
        total += _beaten(experiment, alpha, corrected=corrected).mean(axis=-1)
    return total


def _beaten(values: NDArray[np.float64], alpha: float, *, corrected: bool) -> NDArray[np.float64]:
    """Return 1 where row is significantly better than column, ``[S, S, L]``."""
    import numpy as np

    from alrun.report.statistics.paired import holm, p_value

    differences = values[:, None] - values[None]
    n = np.isfinite(differences).sum(axis=2)
    mean = np.nansum(differences, axis=2) / np.maximum(n, 1)
    squares = np.nansum((differences - mean[:, :, None]) ** 2, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(squares / (n - 1) / n)
    p = p_value(mean, error, n)
    if corrected:
        rows, columns = np.triu_indices(len(values), 1)
        for at in range(values.shape[-1]):
            p[rows, columns, at] = p[columns, rows, at] = holm(p[rows, columns, at])
    beaten: NDArray[np.float64] = ((p < alpha) & (mean > 0)).astype(np.float64)
    return beaten
