"""Mixture of several strategies, each of which chooses a share of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.core.apportion import apportion
from alrun.core.arguments import number_problems, raise_any
from alrun.core.errors import Problem
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.types import QueryReport, TaskSpec
from alrun.query.wrapper import Wrapper

__all__ = ["Mixture"]


class Mixture(Wrapper):
    """Several strategies one after the other, each for its share of the batch; none picks what is queued already.

    What one cannot fill, because the pool ends or it finds no more, the next may pick besides its own share.

    Args:
        max_samples: Rows a call, all strategies together.
        strategies: Whom to ask, by name, in order.
        shares: Weights by name; 1 for those left out. ``None`` for equal shares.
        spec: The task; from the data.

    Raises:
        ConfigError: A share is of no strategy, is negative or not finite, or all are 0.
    """

    def __init__(
        self,
        max_samples: int,
        strategies: Mapping[str, QueryStrategy],
        shares: Mapping[str, float] | None = None,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples, strategies, spec)
        given, where = dict(shares or {}), "query.mixture.shares"
        problems = [
            Problem(f"there is no strategy {name!r}", where, f"one of: {', '.join(self.strategies)}")
            for name in given
            if name not in self.strategies
        ]
        self.shares = {name: given.get(name, 1.0) for name in self.strategies}
        for name, share in self.shares.items():
            problems += number_problems(f"{where}.{name}", share, f"{where}={{{name}: 1}}")
        if not problems and not any(self.shares.values()):
            problems = [Problem("all shares are 0", where, f"{where}={{{next(iter(self.strategies))}: 1}}")]
        raise_any(problems)

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Let each strategy put its share in ``query_queue``.

        Raises:
            StrategyError: One of them raises it.
        """
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        scores: list[float] = []
        promised = 0
        shares = apportion(self.max_samples, [float(weight) for weight in self.shares.values()]).tolist()
        for strategy, share in zip(self.strategies.values(), shares, strict=True):
            promised += share
            if promised > len(scores):
                scores += self.asked(strategy, promised - len(scores), query_queue).scores
        self.report = QueryReport(scores)
