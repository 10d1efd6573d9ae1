"""k-center (coreset) from nothing, on normal features."""

from __future__ import annotations

from typing import Any

import numpy as np

GRID = [(rows, columns, n) for rows in (10_000, 50_000, 200_000) for columns in (64, 512) for n in (100, 1000)]


def inputs(rows: int, columns: int) -> Any:
    """Return features ``[rows, columns]`` ``float32``."""
    return np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of one column a pick."""
    return 4.0 * rows * columns, 2.0 * rows * columns * n


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.k_center import k_center

    return k_center(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n)


def bmdal(features: Any, n: int) -> Any:
    """Run bmdal_reg's ``maxdist``, whose norms are computed once, as its own batch selection does."""
    from selection_cases.bmdal_features import dense, selection

    return selection().MaxDistSelectionMethod(dense(features), dense(features[:0]), sel_with_train=False).select(n)


def scikit_activeml(features: Any, n: int) -> Any:
    """Run scikit-activeml's."""
    from skactiveml.pool import CoreSet

    labels = np.full(len(features), np.nan)
    labels[0] = 0
    return CoreSet(random_state=0).query(features, labels, batch_size=n)


def small_text(features: Any, n: int) -> Any:
    """Run small-text's."""
    from small_text.query_strategies.coresets import greedy_coreset

    rows = np.arange(1, len(features))
    return greedy_coreset(features, rows, np.array([0]), n, distance_metric="euclidean")


IMPLEMENTATIONS = {
    "alrun": ours,
    "bmdal_reg maxdist": bmdal,
    "scikit-activeml CoreSet": scikit_activeml,
    "small-text greedy_coreset": small_text,
}
