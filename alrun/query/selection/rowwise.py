"""Row-wise minima and groups: with numpy on a CPU, where it is several times as fast, and with torch elsewhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["argmin_rows", "grouped", "smallest"]

_RADIX_SORTED = 1 << 15


def argmin_rows(values: Tensor) -> Tensor:
    """Return the column ``[m]`` ``int64`` of the least value of each row of ``values`` ``[m, k]``; ties: the first."""
    if values.device.type != "cpu":
        return values.argmin(dim=1)
    return torch.from_numpy(values.numpy().argmin(axis=1))


def smallest(values: Tensor, k: int) -> Tensor:
    """Return the ``k`` least values of each row of ``values`` ``[m, c]``, in any order; overwrites ``values``."""
    if k >= values.shape[1]:
        return values
    if values.device.type != "cpu":
        return values.topk(k, dim=1, largest=False, sorted=False).values
    values.numpy().partition(k - 1, axis=1)
    return values[:, :k]


def grouped(labels: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the positions of all ``labels`` ``[m]`` (integers below ``k``), group by group, and each group's size.

    Within a group positions ascend.

    Returns:
        ``[m]`` ``int64`` and ``[k]`` ``int64``.
    """
    counts = torch.bincount(labels, minlength=k)
    if labels.device.type != "cpu" or k > _RADIX_SORTED:
        return labels.argsort(stable=True), counts
    return torch.from_numpy(np.argsort(labels.numpy().astype(np.int16), kind="stable")), counts
