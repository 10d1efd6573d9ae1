"""MaxHerding from nothing, with radius 1 between rows of unit length, on normal features."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases.k_center import inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

GRID = [(5_000, 64, 100), (10_000, 64, 100), (10_000, 512, 100), (50_000, 64, 100)]


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of the product of each pair of rows."""
    return 4.0 * rows * columns, 1.0 * rows * rows * columns


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.herding import herding

    return herding(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n)


def scikit_activeml(features: Any, n: int) -> Any:
    """Run scikit-activeml's."""
    from skactiveml.pool import MaxHerding

    method = MaxHerding(random_state=0, metric_dict={"gamma": 1.0})
    return method.query(features, np.full(len(features), np.nan), batch_size=n)


IMPLEMENTATIONS = {"alrun": ours, "scikit-activeml MaxHerding": scikit_activeml}
