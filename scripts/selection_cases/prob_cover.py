"""ProbCover from nothing, with a radius that covers about one row in a hundred, on normal features."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases.k_center import inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

GRID = [(10_000, columns, n) for columns in (64, 512) for n in (100, 1000)] + [(50_000, 64, 100)]


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of the product of each pair of rows."""
    return 4.0 * rows * columns, 1.0 * rows * rows * columns


def radius(features: Any) -> float:
    """Return the radius: distances of normal rows have mean ``sqrt(2 d)`` and standard deviation 1."""
    return float(np.sqrt(2 * features.shape[1]) - 2.3)


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.prob_cover import prob_cover

    return prob_cover(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n, radius(features))


def scikit_activeml(features: Any, n: int) -> Any:
    """Run scikit-activeml's."""
    from skactiveml.pool import ProbCover

    method = ProbCover(random_state=0, deltas=[radius(features)])
    return method.query(features, np.full(len(features), np.nan), batch_size=n)


IMPLEMENTATIONS = {"alrun": ours, "scikit-activeml ProbCover": scikit_activeml}
