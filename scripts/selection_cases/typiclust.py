"""TypiClust from nothing, on normal features: ours with at most 500 clusters, as its authors' code, the peer with n."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases.k_center import GRID, cost, inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.typiclust import typiclust

    return typiclust(torch.from_numpy(features), torch.zeros(0, dtype=torch.int64), n)


def scikit_activeml(features: Any, n: int) -> Any:
    """Run scikit-activeml's."""
    from skactiveml.pool import TypiClust

    return TypiClust(random_state=0).query(features, np.full(len(features), np.nan), batch_size=n)


IMPLEMENTATIONS = {"alrun": ours, "scikit-activeml TypiClust": scikit_activeml}
