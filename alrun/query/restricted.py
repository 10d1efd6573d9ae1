"""Part of the pool, and a host that has no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.driver import StrategyHost

__all__ = ["RestrictedPool", "restricted", "with_pool"]


class RestrictedPool:
    """Some rows of an unlabeled pool, in its order; everything else is the pool's own."""

    def __init__(self, pool: Any, positions: Tensor) -> None:
        """View the rows of ``pool`` at ``positions`` ``[m]`` ``int64``."""
        self._pool = pool
        self._positions = positions

    @property
    def indices(self) -> Tensor:
        """Source rows, ``[m]`` ``int64``."""
        rows: Tensor = self._pool.indices[self._positions]
        return rows

    @property
    def open_keys(self) -> Tensor:
        """Keys of all requests that may be made, ``[k]`` ``int64``, ascending; where labels are sold by the task."""
        rows = self.indices.sort().values
        keys: Tensor = self._pool.keys(rows)[self._pool.open_tasks(rows)]
        return keys

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._positions)

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``."""
        return self._pool[int(self._positions[position])]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the data, in order."""
        return (self[position] for position in range(len(self)))

    def inputs(self, positions: Any) -> Any:
        """Return the inputs ``[n, *input_shape]`` at ``positions``."""
        return self._pool.inputs(self._positions[torch.as_tensor(positions, dtype=torch.int64)])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def with_pool(host: StrategyHost, unlabeled_pool: Any) -> StrategyHost:
    """Return ``host`` with another unlabeled pool; everything else, seeds too, is the host's own."""
    view = copy(host)
    view.unlabeled_pool = unlabeled_pool
    return view


def restricted(pool: Any, rows: Tensor) -> RestrictedPool:
    """Return the part of ``pool`` that is in ``rows`` ``[m]``.

    Raises:
        StrategyError: The pool has no rows.
    """
    if not hasattr(pool, "indices"):
        raise StrategyError(f"a {type(pool).__name__} has no rows to choose a part of")
    return RestrictedPool(pool, torch.isin(pool.indices, rows).nonzero()[:, 0])
