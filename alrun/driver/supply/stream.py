"""Stream of batches, made in this process or ahead of time in worker processes."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from alrun.core.compat import end_workers

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader

__all__ = ["BatchStream"]

Make = Callable[["Tensor", int], Any]
_DIE_WITH_PARENT = 1


class BatchStream:
    """Calls ``make(positions, key)`` for chunks of positions, in order.

    What comes out does not depend on the number of workers: ``make`` is to derive its random numbers from ``key``. The
    workers see the pool as it was at the first batch and live until ``close``; no random number of this process is
    spent on them.
    """

    def __init__(self, make: Make, workers: int) -> None:
        """Make batches with ``make``, in ``workers`` processes; 0 for this one."""
        self._make = make
        self._workers = workers
        self._requests: list[tuple[int, list[int]]] = []
        self._loader: DataLoader[Any] | None = None

    def __call__(self, chunks: Iterable[Tensor], key: int = 0) -> Iterator[Any]:
        """Yield a batch for each of ``chunks`` (positions ``[n]`` ``int64``); nothing is read before that."""
        if self._workers == 0:
            for positions in chunks:
                yield self._make(positions, key)
            return
        self._requests[:] = [(key, positions.tolist()) for positions in chunks]
        yield from self._processes()

    def close(self) -> None:
        """End the workers; left to the garbage collector they would be waited for in vain."""
        loader, self._loader = self._loader, None
        end_workers(loader)

    def _processes(self) -> DataLoader[Any]:
        if self._loader is None:
            import torch
            from torch.utils.data import DataLoader

            source: Any = _Maker(self._make)
            requests: Any = self._requests
            self._loader = DataLoader(
                source,
                batch_sampler=requests,
                num_workers=self._workers,
                collate_fn=_as_it_is,
                worker_init_fn=_die_with_parent,
                generator=torch.Generator(),
                persistent_workers=True,
            )
        return self._loader


class _Maker:
    """Looks to a ``DataLoader`` like a data set whose indices are whole requests."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def __getitem__(self, request: Any) -> Any:
        return self.__getitems__(request)

    def __getitems__(self, request: tuple[int, list[int]]) -> Any:
        import torch

        key, positions = request
        return self._make(torch.tensor(positions, dtype=torch.int64), key)


def _as_it_is(batch: Any) -> Any:
    return batch


def _die_with_parent(worker: int) -> None:
    """Have the kernel end a worker with its parent: it shares the parent's open files, and so its lock on the run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
