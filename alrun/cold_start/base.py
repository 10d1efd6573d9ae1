"""Base of the cold start strategies: the rows they choose from and their seed."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.seeding import Role
from alrun.core.types import Task

__all__ = ["ColdStart"]


class ColdStart(QueryStrategy):
    """Chooses the first rows, in place of the query strategy. Subclass it and write ``pick``.

    Attributes:
        tasks: Tasks that the strategy works for.
        requires_model: Whether it needs a trained learner; there is none yet.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    requires_model: ClassVar[bool] = False
    _args: dict[str, Any]

    def __init__(self, max_samples: int) -> None:
        """Pick ``max_samples`` rows, or as many as there are.

        Raises:
            ConfigError: When it is not a count.
        """
        raise_any(count_problems("cold_start.max_samples", max_samples, "initial_size=20", least=0))
        self.max_samples = max_samples

    @abstractmethod
    def pick(self, rows: Tensor, positions: Tensor, n: int, seed: int) -> Tensor:
        """Choose ``n`` of the pool's rows.

        Args:
            rows: All rows of the unlabeled pool ``[N]`` ``int64``, ascending.
            positions: Where each of them stands in the pool, ``[N]``.
            n: How many to choose, from 1 to ``N``.
            seed: Depends on the experiment's seed and step alone, so that experiments with different query strategies
                start from the same labels.

        Returns:
            Source rows ``[n]`` ``int64``, most wanted first.
        """

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the chosen rows in ``query_queue``, as python ints."""
        rows, positions = self.driver.unlabeled_pool.indices.sort()
        n = min(self.max_samples, len(rows))
        if n == 0:
            return
        seed = self.driver.seeds.integer(Role.QUERY, "cold_start")
        for row in self.pick(rows, positions, n, seed).tolist():
            query_queue.put(row)
