"""MaxDet from nothing, on normal features, with noise; in float64 as bmdal_reg does by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases.k_center import GRID, cost, inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

SIGMA = 1.0


def ours(features: Any, n: int) -> Any:
    """Run alrun's, which computes in float64 from float32 features."""
    import torch

    from alrun.query.selection.max_det import max_det

    return max_det(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n, sigma=SIGMA)


def bmdal(features: Any, n: int) -> Any:
    """Run bmdal_reg's."""
    from selection_cases.bmdal_features import dense, selection

    wide = features.astype(np.float64)
    method = selection().MaxDetSelectionMethod
    return method(dense(wide), dense(wide[:0]), sel_with_train=False, noise_sigma=SIGMA).select(n)


IMPLEMENTATIONS = {"alrun": ours, "bmdal_reg maxdet": bmdal}
