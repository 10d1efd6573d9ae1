"""Features for bmdal_reg; not a case."""

from __future__ import annotations

from typing import Any

import numpy as np

GRID: list[tuple[int, int, int]] = []


def selection() -> Any:
    """Return bmdal_reg's module of selection methods; it names a constant as numpy 1 did."""
    setattr(np, "Inf", np.inf)  # noqa: B010
    from bmdal_reg.bmdal import selection as module

    return module


def dense(matrix: Any) -> Any:
    """Return ``matrix`` ``[N, d]`` as features with a linear kernel, norms computed."""
    import torch

    module = selection()
    data = module.TensorFeatureData(torch.as_tensor(matrix))
    features = module.Features(module.IdentityFeatureMap(matrix.shape[1]), data)
    return features.precompute()


def outer(left: Any, right: Any) -> Any:
    """Return outer products of the rows of two matrices as features with a product kernel, norms computed."""
    import torch
    from bmdal_reg.bmdal.feature_data import ListFeatureData
    from bmdal_reg.bmdal.feature_maps import ProductFeatureMap

    module = selection()
    maps = [module.IdentityFeatureMap(matrix.shape[1]) for matrix in (left, right)]
    data = ListFeatureData([module.TensorFeatureData(torch.as_tensor(matrix)) for matrix in (left, right)])
    return module.Features(ProductFeatureMap(maps), data).precompute()
