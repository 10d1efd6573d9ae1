"""Minibatches by tensor indexing, shuffled by derived seeds: no per-sample Python, no worker processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alrun.core.seeding import Role, Seeds

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BatchLoader"]

CHUNK_ROWS = 4096


class BatchLoader:
    """Re-iterable batches of a pool.

    A pool with ``__getitems__(positions) -> batch`` is read some thousand rows at a time and cut into views; any other
    map-style data set goes through torch's ``DataLoader`` in this process, in the same order.

    Attributes:
        batch_size: Rows a batch; the last batch of an epoch may be smaller.
        dataset: The pool.
    """

    def __init__(self, pool: Any, batch_size: int, seeds: Seeds | None = None) -> None:
        """Read ``pool``; shuffled anew each epoch when ``seeds`` are given, in order otherwise."""
        self.dataset = pool
        self.batch_size = batch_size
        self._seeds = seeds
        self._epoch = 0

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(len(self.dataset) / self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of ``epoch`` (0-based)."""
        self._epoch = epoch

    def _order(self) -> Tensor:
        import torch

        size = len(self.dataset)
        if self._seeds is None:
            return torch.arange(size)
        return torch.randperm(size, generator=self._seeds.torch(Role.SHUFFLE, f"epoch {self._epoch}"))

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the current epoch."""
        order = self._order()
        if hasattr(self.dataset, "__getitems__"):
            return self._sliced(order)
        return self._collated(order)

    def _sliced(self, order: Tensor) -> Iterator[Any]:
        rows = max(1, CHUNK_ROWS // self.batch_size) * self.batch_size
        for positions in order.split(rows):
            inputs, targets = self.dataset.__getitems__(positions)
            yield from zip(inputs.split(self.batch_size), targets.split(self.batch_size), strict=True)

    def _collated(self, order: Tensor) -> Iterator[Any]:
        from torch.utils.data import DataLoader

        return iter(DataLoader(self.dataset, batch_size=self.batch_size, sampler=order.tolist()))
