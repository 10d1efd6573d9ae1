"""Size of the pool: a share of its rows, the classes in proportion."""

from __future__ import annotations

import torch

from alrun.core.apportion import apportion
from alrun.core.protocols.pool import Source
from alrun.core.types import Split, Task
from alrun.pool.view import Change
from alrun.transform.base import Transform, classes_of, drawn_first, kept

__all__ = ["PoolRatio"]


class PoolRatio(Transform):
    """Leaves a share of the pool, drawn at random in each class; validation and test rows stay as they are."""

    def __init__(self, ratio: float = 0.5, *, seed: int | None = None) -> None:
        """Check the share.

        Args:
            ratio: Share of the pool's rows that stay, below 1; or their number.
            seed: See ``Transform``.

        Raises:
            DataError: It is neither.
        """
        super().__init__(seed)
        if not 0 < ratio < float("inf") or (ratio > 1 and ratio != int(ratio)):
            raise self.problem(f"{ratio} is neither a fraction nor a number of rows", "ratio", "0.5")
        self.ratio = ratio

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Leave rows out."""
        size = len(split.train)
        total = max(1, round(self.ratio * size)) if self.ratio <= 1 else int(self.ratio)
        if total > size:
            raise self.problem(f"the pool has {size} rows, fewer than {total}", "ratio", str(size))
        groups = torch.zeros(size, dtype=torch.int64)
        if source.spec.task is Task.CLASSIFICATION:
            groups = classes_of(source, split.train, self)
        counts = groups.bincount().numpy()
        wanted = torch.from_numpy(apportion(total, counts, counts))
        rows = split.train[drawn_first(split.train, wanted, groups, key)]
        return Change(kept(split, rows), f"pool_ratio: {len(rows)} of {size} rows in the pool")
