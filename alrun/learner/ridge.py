"""Ridge regression in closed form, with the noise variance of highest evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ridge_regression"]

Array = NDArray[np.float64]


def ridge_regression(inputs: Array, targets: Array, l2: float) -> tuple[Array, Array, Array]:
    """Return the weights ``[T, d]``, intercepts ``[T]`` and noise variances ``[T]`` of ``targets``.

    Weights minimize ``|y - X w - b|² + l2 * |w|²`` with a free intercept (Hoerl and Kennard 1970): scikit-learn's
    ``Ridge(alpha=l2)``. With the prior ``w ~ N(0, v / l2)`` and a flat one on the intercept, the marginal likelihood is
    highest at the noise variance ``v = (|y - X w - b|² + l2 |w|²) / (n - 1)`` (Bishop 2006, section 3.5, with the ratio
    of both precisions held fixed); of a single row, ``v = 1``.

    Args:
        inputs: ``[n, d]``, ``n >= 1``.
        targets: ``[n, T]``.
        l2: Penalty, positive.
    """
    rows, columns = inputs.shape
    mean, level = inputs.mean(axis=0), targets.mean(axis=0)
    centered, wanted = inputs - mean, targets - level
    if columns <= rows:
        gram = centered.T @ centered
        weights = np.linalg.solve(gram + l2 * np.eye(columns), centered.T @ wanted)
    else:
        gram = centered @ centered.T
        weights = centered.T @ np.linalg.solve(gram + l2 * np.eye(rows), wanted)
    misfit = ((wanted - centered @ weights) ** 2).sum(axis=0) + l2 * (weights**2).sum(axis=0)
    noise = misfit / (rows - 1) if rows > 1 else np.ones(targets.shape[1])
    return weights.T, level - mean @ weights, noise
