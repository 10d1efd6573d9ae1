"""Minibatches shuffled by derived seeds: tensors are indexed, other data read one batch of positions at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from alrun.core.seeding import Role, Seeds
from alrun.driver.supply.stream import BatchStream
from alrun.pool.foreign import readable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BatchLoader", "batch_sizes"]

CHUNK_ROWS = 4096
CHUNK_VALUES = 1 << 19


class BatchLoader:
    """Re-iterable batches of a pool.

    * A pool of tensor rows is read some thousand rows at a time and cut into views: no per-sample Python.
    * Any other pool makes its batches itself, in ``pool.workers`` processes; see ``ForeignPool`` for data sets of
      other people.

    With ``M > 1`` shuffles a batch holds those of ``M`` loaders side by side: tensors ``[B, M, ...]`` of a pool of
    tensor rows, a list of ``M`` batches of any other. The first is what a loader with one shuffle has.

    Attributes:
        batch_size: Rows per batch. The last of an epoch may have fewer, but not a single one, which batch normalization
            cannot train on: that joins the batch before.
        dataset: The pool.
    """

    def __init__(self, pool: Any, batch_size: int, seeds: Seeds | None = None, *, shuffles: int = 1) -> None:
        """Read ``pool``; shuffled anew each epoch when ``seeds`` are given, in order otherwise."""
        self.dataset = pool
        self.batch_size = batch_size
        self._seeds = seeds
        self._shuffles = shuffles
        self._epoch = 0
        self._pool = readable(pool)
        self._stream: BatchStream | None = None

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(batch_sizes(len(self.dataset), self.batch_size))

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of ``epoch`` (0-based)."""
        self._epoch = epoch

    def _order(self, number: int = 0) -> Tensor:
        """Return the positions in the order of shuffle ``number``."""
        import torch

        size = len(self.dataset)
        if self._seeds is None:
            return torch.arange(size)
        name = f"epoch {self._epoch}" + (f" shuffle {number}" if number else "")
        return torch.randperm(size, generator=self._seeds.torch(Role.SHUFFLE, name))

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the current epoch."""
        import torch

        orders = torch.stack([self._order(number) for number in range(self._shuffles)])
        if self._pool.has_tensors:
            return self._sliced(orders)
        if self._stream is None:
            self._stream = BatchStream(self._pool.batch, self._pool.workers)
        key = self._seeds.integer("data", f"epoch {self._epoch}") if self._seeds is not None else 0
        chunks = orders.split(batch_sizes(orders.shape[1], self.batch_size), dim=1)
        each = self._stream([order for chunk in chunks for order in chunk], key) if orders.numel() else iter(())
        return each if self._shuffles == 1 else _grouped(each, self._shuffles)

    def close(self) -> None:
        """End the worker processes, if there are any; a new iteration would start others."""
        if self._stream is not None:
            self._stream.close()

    def _sliced(self, orders: Tensor) -> Iterator[Any]:
        spec = self._pool.spec
        width = 1 if spec is None else max(1, spec.num_outputs, math.prod(spec.input_shape))
        rows = min(CHUNK_ROWS, CHUNK_VALUES // width) // len(orders)
        sizes = batch_sizes(orders.shape[1], self.batch_size)
        some = max(1, rows // self.batch_size)
        groups = [sizes[start : start + some] for start in range(0, len(sizes), some)]
        for group, positions in zip(groups, orders.split([sum(group) for group in groups], dim=1), strict=True):
            read = self._pool.__getitems__(positions.flatten())
            inputs, targets = (self._columns(values, len(orders)) for values in read)
            yield from zip(inputs.split(group), targets.split(group), strict=True)

    @staticmethod
    def _columns(values: Tensor, shuffles: int) -> Tensor:
        return values if shuffles == 1 else values.unflatten(0, (shuffles, -1)).transpose(0, 1)


def batch_sizes(rows: int, batch_size: int) -> list[int]:
    """Return how many of ``rows`` each batch of an epoch has.

    >>> batch_sizes(21, 10), batch_sizes(22, 10), batch_sizes(1, 10)
    ([10, 11], [10, 10, 2], [1])
    """
    whole, left = divmod(rows, batch_size)
    if left == 1 and whole and batch_size > 1:
        return [batch_size] * (whole - 1) + [batch_size + 1]
    return [batch_size] * whole + [left] * (left > 0)


def _grouped(batches: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of ``size`` consecutive ``batches``; reads none ahead of those that it yields."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group
