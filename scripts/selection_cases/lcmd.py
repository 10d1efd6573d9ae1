"""LCMD from nothing, on normal features."""

from __future__ import annotations

from typing import Any

from selection_cases.k_center import GRID, cost, inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.lcmd import lcmd

    return lcmd(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n)


def bmdal(features: Any, n: int) -> Any:
    """Run bmdal_reg's."""
    from selection_cases.bmdal_features import dense, selection

    method = selection().LargestClusterMaxDistSelectionMethod
    return method(dense(features), dense(features[:0]), sel_with_train=False).select(n)


IMPLEMENTATIONS = {"alrun": ours, "bmdal_reg lcmd": bmdal}
