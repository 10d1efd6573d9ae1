"""Random rows: the baseline."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Role
from alrun.core.types import QueryReport, Task
from alrun.query.base import checked_max_samples, queued_rows
from alrun.query.selection.top_k import top_k

__all__ = ["Random"]


class Random(QueryStrategy):
    """Rows drawn uniformly without replacement; no forward pass.

    Each row's chance is a function of seed, step and row number, so the order of the pool changes nothing. From a pool
    that sells labels by the task it draws pairs ``(row, task)`` likewise.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    requires_stochastic: ClassVar[bool] = False
    _args: dict[str, Any]

    def __init__(self, max_samples: int) -> None:
        """Pick ``max_samples`` rows per call, or as many as there are."""
        self.max_samples = checked_max_samples(max_samples)
        self.report = QueryReport()

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put random rows of the unlabeled pool in ``query_queue``, as python ints, none that is in it already."""
        pool = self.driver.unlabeled_pool
        keys = pool.open_keys
        keys = keys[~torch.isin(keys, queued_rows(query_queue, pool))].sort().values
        stream = self.driver.seeds.integer(Role.QUERY, self.stream_name)
        picks = keys[top_k(torch.from_numpy(row_uniforms(keys, stream)), self.max_samples)].tolist()
        for key in picks:
            query_queue.put(pool.request(key))
        self.report = QueryReport([float("nan")] * len(picks))
