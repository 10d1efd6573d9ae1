"""Random first rows."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.cold_start.base import ColdStart
from alrun.core.row_random import row_uniforms

__all__ = ["Random"]


class Random(ColdStart):
    """Rows drawn uniformly without replacement; the same for all experiments that share seed and data."""

    def pick(self, rows: Tensor, positions: Tensor, n: int, seed: int) -> Tensor:
        """Return the ``n`` rows with the smallest random numbers."""
        return rows[torch.from_numpy(row_uniforms(rows, seed)).argsort(stable=True)[:n]]
