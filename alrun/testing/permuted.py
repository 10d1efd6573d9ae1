"""The same pool in another order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["PermutedPool"]


class PermutedPool:
    """An unlabeled pool that lists its rows in a seeded random order; everything else is the pool's own."""

    def __init__(self, pool: Any, seed: int) -> None:
        self._pool = pool
        self._order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))

    @property
    def indices(self) -> Tensor:
        """Source rows in the new order, ``[n]`` ``int64``."""
        rows: Tensor = self._pool.indices[self._order]
        return rows

    def __len__(self) -> int:
        return len(self._pool)

    def __getitem__(self, position: int) -> Tensor:
        inputs: Tensor = self._pool[int(self._order[position])]
        return inputs

    def inputs(self, positions: Any) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` at ``positions`` of the new order."""
        inputs: Tensor = self._pool.inputs(self._order[torch.as_tensor(positions, dtype=torch.int64)])
        return inputs

    def shipped_embeddings(self, positions: Any) -> Tensor | None:
        """Return the vectors ``[n, d]`` that the data set ships, at ``positions`` of the new order."""
        shipped: Tensor | None = self._pool.shipped_embeddings(
            self._order[torch.as_tensor(positions, dtype=torch.int64)]
        )
        return shipped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
