"""Subpool query: another strategy on a random subset of the pool."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Role
from alrun.core.types import QueryReport, TaskSpec
from alrun.pool.foreign import among
from alrun.query.base import queued_rows
from alrun.query.restricted import with_pool
from alrun.query.selection.top_k import top_k
from alrun.query.wrapper import Wrapper, only_one

__all__ = ["Subpool"]


class Subpool(Wrapper):
    """Another strategy, which sees a random subset of the pool and no more.

    What methods with a cost that grows fast with the pool do in practice (for example Gal et al. 2017, section 5, and
    Beluch et al. 2018, section 4.1). A row's chance is a function of seed, step and row number: the order of the pool
    changes nothing, and whatever the strategy, the subset is the same. Rows that are queued already are shown too.

    Args:
        max_samples: Rows a call.
        strategy: Whom to ask, by itself or as the only entry of a mapping.
        size: Rows of the subset; never fewer than ``max_samples``. ``None`` to go by ``fraction``.
        fraction: Part of the pool, above 0 and at most 1; ``None`` to go by ``size``.
        spec: The task; from the data.

    Raises:
        ConfigError: Not exactly one of ``size`` and ``fraction`` is given, or it is out of range.
    """

    def __init__(
        self,
        max_samples: int,
        strategy: QueryStrategy | Mapping[str, QueryStrategy],
        size: int | None = None,
        fraction: float | None = None,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples, only_one(strategy, "query.subpool.strategy"), spec)
        if (size is None) == (fraction is None):
            what = "give either size or fraction"
            hint = "query.subpool.size=10000, or query.subpool.size=null query.subpool.fraction=0.1"
            raise ConfigError(Problem(what, "query.subpool", hint))
        if size is not None and size < 1:
            raise ConfigError(Problem(f"{size} is less than 1", "query.subpool.size", "query.subpool.size=10000"))
        if fraction is not None and not 0 < fraction <= 1:
            hint = "query.subpool.fraction=0.1"
            raise ConfigError(Problem(f"{fraction} is not above 0 and at most 1", "query.subpool.fraction", hint))
        self.size, self.fraction = size, fraction

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Let the strategy put its picks among the subset in ``query_queue``.

        Raises:
            StrategyError: The pool has no rows, or the strategy raises one.
        """
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        pool = self.driver.unlabeled_pool
        queued = queued_rows(query_queue)
        view = with_pool(self.driver, among(pool, torch.cat([self._drawn(pool, queued), queued])))
        (strategy,) = self.strategies.values()
        strategy.attach(view)
        try:
            self.report = self.asked(strategy, self.max_samples, query_queue)
        finally:
            strategy.attach(self.driver)

    def _drawn(self, pool: Any, queued: Tensor) -> Tensor:
        """Return the rows of the subset, none of them ``queued``."""
        rows: Tensor = pool.indices.sort().values
        rows = rows[~torch.isin(rows, queued)]
        size = math.ceil(self.fraction * len(rows)) if self.size is None and self.fraction else self.size or 0
        chances = row_uniforms(rows, self.driver.seeds.integer(Role.QUERY, self.stream_name))
        return rows[top_k(torch.from_numpy(chances), max(size, self.max_samples))]
