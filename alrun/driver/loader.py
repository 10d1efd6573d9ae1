"""Minibatches shuffled by derived seeds: tensors by indexing, anything else a batch of positions at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from alrun.core.batches import collated
from alrun.core.reading import read
from alrun.core.seeding import Role, Seeds
from alrun.driver.stream import BatchStream

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BatchLoader"]

CHUNK_ROWS = 4096
CHUNK_VALUES = 1 << 18


class BatchLoader:
    """Re-iterable batches of a pool.

    * A pool with ``make_batch(positions, key) -> batch`` makes its own, in ``pool.workers`` processes.
    * A pool of tensor rows (``inputs`` and ``__getitems__(positions) -> (x, y)``) is read some thousand rows at a time
      and cut into views: no per-sample Python.
    * Any other map-style data set is read batch by batch, by ``__getitems__`` where it has that, and collated by its
      own ``collate``, that of its data, or torch's. A ``__getitems__`` that returns no list has collated already.

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
        self._is_tensors = not hasattr(pool, "make_batch") and hasattr(pool, "__getitems__") and hasattr(pool, "inputs")
        self._stream: BatchStream | None = None

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
        if self._is_tensors:
            return self._sliced(order)
        if self._stream is None:
            make = getattr(self.dataset, "make_batch", None) or _reader(self.dataset)
            self._stream = BatchStream(make, getattr(self.dataset, "workers", 0))
        key = self._seeds.integer("data", f"epoch {self._epoch}") if self._seeds is not None else 0
        return self._stream(order.split(self.batch_size), key) if len(order) else iter(())

    def close(self) -> None:
        """End the worker processes, if there are any; a new iteration would start others."""
        if self._stream is not None:
            self._stream.close()

    def _sliced(self, order: Tensor) -> Iterator[Any]:
        large = self.batch_size * getattr(getattr(self.dataset, "spec", None), "num_outputs", 1) > CHUNK_VALUES
        rows = self.batch_size if large else max(1, CHUNK_ROWS // self.batch_size) * self.batch_size
        for positions in order.split(rows):
            inputs, targets = self.dataset.__getitems__(positions)
            yield from zip(inputs.split(self.batch_size), targets.split(self.batch_size), strict=True)


def _reader(pool: Any) -> Callable[[Tensor, int], Any]:
    """Return what makes a batch of a data set that does not make its own."""

    def make(positions: Tensor, key: int) -> Any:
        data = read(pool, positions.tolist(), key)
        return collated(data, pool) if isinstance(data, list) else data

    return make
