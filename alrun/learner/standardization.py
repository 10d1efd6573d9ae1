"""Standardization statistics of columns, computed from labeled rows only."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["column_statistics"]


def column_statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and population standard deviation ``[d]`` of ``values`` ``[N, d]``, ``N >= 1``, in ``values.dtype``.

    Sums are taken in ``float64``. A column that never varies gets a standard deviation of 1, so that it maps to 0.
    """
    exact = values.double()
    mean = exact.mean(dim=0)
    std = (exact - mean).square().mean(dim=0).sqrt().to(values.dtype)
    constant = (values.amax(dim=0) == values.amin(dim=0)) | (std == 0)
    return mean.to(values.dtype), torch.where(constant, torch.ones_like(std), std)
