"""BAIT for a regression, forward and backward, from nothing, on normal features."""

from __future__ import annotations

from typing import Any

from selection_cases.k_center import inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

GRID = [(rows, columns, 100) for rows in (10_000, 50_000, 200_000) for columns in (64, 512)]


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of a pass for each row added, and the operations of three products with a square matrix."""
    return 8.0 * n * rows * columns, 6.0 * rows * columns**2


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.bait import bait

    return bait(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n)


def bmdal(features: Any, n: int) -> Any:
    """Run bmdal_reg's."""
    from selection_cases.bmdal_features import dense, selection

    method = selection().BaitFeatureSpaceSelectionMethod
    options = {"noise_sigma": 1.0, "overselection_factor": 2.0, "verbosity": 0}
    return method(dense(features), dense(features[:0]), **options).select(n)


IMPLEMENTATIONS = {"alrun": ours, "bmdal_reg bait": bmdal}
