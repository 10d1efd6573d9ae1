"""Adapter for foreign pools: data sets with ``append``, generators of candidates, pools that keep their labels.

All checks of what such an object offers are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from alrun.core.batches import collated
from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import Source
from alrun.core.reading import read
from alrun.core.types import Annotation, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

    from alrun.pool.subset import Subset
    from alrun.pool.training import TrainingPool
    from alrun.pool.unlabeled import UnlabeledPool

__all__ = [
    "ForeignPool",
    "among",
    "check_labels",
    "gives_batches",
    "is_source",
    "keeps_account",
    "newest",
    "notes_of",
    "own_pools",
    "pool_length",
    "readable",
    "sells_by_task",
    "sells_tasks",
    "sells_validation",
    "shipped_embeddings",
    "takes_requests",
    "unknown_rows",
    "workers_of",
]


class ForeignPool:
    """A data set as the loader reads it.

    A ``__getitems__`` that returns no list has collated already. One with ``inputs``, too, holds rows of tensors. Else
    data are collated by the data set's own ``collate``, that of its data, or torch's; or the data set makes its own
    batches, by ``make_batch(positions, key)``, in ``workers`` processes.

    Attributes:
        spec: What the data are, where the data set says so.
        workers: How many processes read and collate.
        has_tensors: Whether a batch is ``(x, y)`` of tensors.
    """

    def __init__(self, pool: Any) -> None:
        """Read ``pool``."""
        self._pool = pool
        self._make: Callable[[Tensor, int], Any] | None = getattr(pool, "make_batch", None)
        self.spec: TaskSpec | None = getattr(pool, "spec", None)
        self.workers: int = getattr(pool, "workers", 0)
        self.has_tensors = self._make is None and hasattr(pool, "__getitems__") and hasattr(pool, "inputs")

    def __len__(self) -> int:
        """Return the number of data."""
        return len(self._pool)

    def __getitems__(self, positions: Tensor) -> Any:
        """Return the batch ``(x, y)`` at ``positions``, where the data set holds rows of tensors."""
        return self._pool.__getitems__(positions)

    def batch(self, positions: Tensor, key: int) -> Any:
        """Return one minibatch at ``positions``; what is random in it is a function of ``key`` and the positions."""
        if self._make is not None:
            return self._make(positions, key)
        data = read(self._pool, positions.tolist(), key)
        return collated(data, self._pool) if isinstance(data, list) else data


def readable(pool: Any) -> Subset | TrainingPool | ForeignPool:
    """Return ``pool`` as the loader reads it."""
    from alrun.pool.subset import Subset
    from alrun.pool.training import TrainingPool

    return pool if isinstance(pool, Subset | TrainingPool) else ForeignPool(pool)


def keeps_account(pool: Any) -> TypeGuard[UnlabeledPool]:
    """Return whether ``pool`` keeps account of who is labeled."""
    from alrun.pool.unlabeled import UnlabeledPool

    return isinstance(pool, UnlabeledPool)


def sells_by_task(pool: Any) -> bool:
    """Return whether labels of an unlabeled ``pool`` are bought one task at a time."""
    return keeps_account(pool) and pool.by_task


def sells_validation(pool: Any) -> bool:
    """Return whether labels of validation rows are bought from ``pool``."""
    return keeps_account(pool) and pool.status.sells_validation


def takes_requests(pool: Any) -> TypeGuard[TrainingPool]:
    """Return whether a training pool takes labels by request, rather than whatever is appended to it."""
    from alrun.pool.training import TrainingPool

    return isinstance(pool, TrainingPool)


def workers_of(pool: Any) -> int:
    """Return how many processes read and collate; 0 for none beside this one."""
    return int(getattr(pool, "workers", 0))


def shipped_embeddings(pool: Any, positions: Tensor) -> Tensor | None:
    """Return the vectors ``[n, d]`` that the data set of ``pool`` ships, at ``positions``; ``None`` without any."""
    found = getattr(pool, "shipped_embeddings", None)
    return None if found is None else found(positions)


def among(pool: Any, rows: Tensor) -> UnlabeledPool:
    """Return the part of ``pool`` that is in ``rows`` ``[m]``.

    Raises:
        StrategyError: The pool has no rows.
    """
    if not keeps_account(pool):
        raise StrategyError(f"a {type(pool).__name__} has no rows to choose a part of")
    return pool.among(rows)


def is_source(data: Any) -> TypeGuard[Source]:
    """Return whether pools are made of ``data``, rather than ``data`` being a training pool itself."""
    return all(hasattr(data, name) for name in ("spec", "split", "inputs", "targets"))


def own_pools(data: Any) -> Callable[..., Any] | None:
    """Return the method by which ``data`` makes its pools by itself, where it has one."""
    found = getattr(data, "pools", None)
    return found if callable(found) else None


def sells_tasks(source: Source) -> bool:
    """Return whether labels of ``source`` are bought one task at a time."""
    return bool(getattr(source, "partial_labels", False))


def check_labels(pool: Any, annotations: Sequence[Annotation]) -> None:
    """Refuse labels that a training pool could not take; one without ``check`` takes everything."""
    check = getattr(pool, "check", None)
    if check is not None:
        check(annotations)


def gives_batches(pool: Any) -> bool:
    """Return whether a training pool gives back inputs and targets of many positions at once."""
    return hasattr(pool, "inputs") and hasattr(pool, "targets")


def pool_length(pool: Any) -> int | None:
    """Return how many data there are; ``None`` where nobody knows, as of a generator of candidates."""
    return len(pool) if hasattr(pool, "__len__") else None


def newest(pool: Any, last: int) -> Tensor:
    """Return the positions that the last labels of a training pool stand at, ``[k]`` ``int64``, ascending.

    Those of a pool that does not say are its ``last`` ones.
    """
    import torch

    return pool.newest if takes_requests(pool) else torch.arange(len(pool) - last, len(pool))


def unknown_rows(pool: Any, *, last: bool = False) -> Tensor:
    """Return the rows of a training pool's source that were bought and are of no class, ``[u]``; or the ``last`` ones.

    Of a pool that does not say there are none.
    """
    import torch

    if not takes_requests(pool):
        return torch.empty(0, dtype=torch.int64)
    return pool.newest_unknown if last else pool.unknown


def notes_of(data: Any) -> tuple[str, ...]:
    """Return what was made of ``data``, one line each, where they say so."""
    return tuple(getattr(data, "notes", ()))
