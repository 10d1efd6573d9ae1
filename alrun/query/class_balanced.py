"""Class-balanced query: rows of another strategy, balanced over predicted classes."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.outputs import probabilities
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.queues import FifoQueue, queued_items
from alrun.core.request import restored
from alrun.core.types import QueryReport, Task, TaskSpec
from alrun.pool.foreign import among, gives_batches
from alrun.query.wrapper import Wrapper, only_one

__all__ = ["ClassBalanced", "balanced"]


def balanced(classes: Tensor, counts: Tensor, n: int) -> list[int]:
    """Pick from candidates in order of preference, each time of the class that has the fewest labels so far.

    Args:
        classes: Class of each candidate ``[m]`` ``int64``, best candidate first.
        counts: Labels of each class ``[C]``, not changed.
        n: How many to pick.

    Returns:
        ``min(n, m)`` positions in order of choice. Of classes with as few labels, that of the better candidate goes
        first; within a class, the better candidate.
    """
    waiting: dict[int, deque[int]] = {}
    for position, label in enumerate(classes.tolist()):
        waiting.setdefault(label, deque()).append(position)
    heap = [(int(counts[label]), queue[0], label) for label, queue in waiting.items()]
    heapq.heapify(heap)
    picks: list[int] = []
    while heap and len(picks) < n:
        count, position, label = heapq.heappop(heap)
        picks.append(position)
        waiting[label].popleft()
        if waiting[label]:
            heapq.heappush(heap, (count + 1, waiting[label][0], label))
    return picks


class ClassBalanced(Wrapper):
    """Another strategy's best candidates, such that labeled and predicted classes come out as even as they can.

    The strategy is asked for ``factor`` times as many rows, and ``balanced`` picks among them by its order and by the
    most probable class. A rule of our own; Bengar et al. (2022), "Class-balanced active learning for image
    classification", solve a program for the same end.

    Args:
        max_samples: Rows a call.
        strategy: Whom to ask, by itself or as the only entry of a mapping.
        factor: Candidates for each row; at least 1.
        spec: The task; from the data.

    Raises:
        ConfigError: ``factor`` is less than 1, or the strategy is for regressions alone.
    """

    def __init__(
        self,
        max_samples: int,
        strategy: QueryStrategy | Mapping[str, QueryStrategy],
        factor: float = 10.0,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples, only_one(strategy, "query.class_balanced.strategy"), spec)
        if not factor >= 1:
            hint = "query.class_balanced.factor=10"
            raise ConfigError(Problem(f"{factor} is less than 1", "query.class_balanced.factor", hint))
        if Task.CLASSIFICATION not in self.tasks:
            raise ConfigError(Problem("the strategy does not support classification", "query.class_balanced.strategy"))
        self.factor = factor
        self.tasks = frozenset({Task.CLASSIFICATION})
        self.multi_task, self.requires_model = False, True

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put a balanced choice of the strategy's candidates in ``query_queue``, in the order of choice.

        Raises:
            StrategyError: A candidate is no row of the pool, or what the learner predicts is not finite.
        """
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        queued = queued_items(query_queue)
        scratch = FifoQueue(queued)
        (strategy,) = self.strategies.values()
        report = self.asked(strategy, math.ceil(self.factor * self.max_samples), scratch)
        items = scratch.to_list()[len(queued) :]
        classes, num_classes = self._predicted(items)
        picks = balanced(classes, self._labelled(num_classes), self.max_samples)
        for position in picks:
            query_queue.put(items[position])
        self.report = replace(report, scores=[report.scores[position] for position in picks])

    def _predicted(self, items: list[Any]) -> tuple[Tensor, int]:
        """Return the most probable class of each of the rows ``items``, and how many classes there are."""
        requests = restored(items)
        if strangers := [one for one in requests if one.row is None or one.task is not None]:
            raise StrategyError(f"{self.strategy_name} balances rows of the pool, not {strangers[0].name}")
        wanted = torch.tensor([one.row for one in requests], dtype=torch.int64)
        rows, classes, num_classes = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)], 1
        for prediction in self.driver.predictor(among(self.driver.unlabeled_pool, wanted)):
            found = probabilities(prediction.outputs.float())
            found = found.mean(dim=0) if prediction.stochastic else found
            if not bool(found.isfinite().all()):
                raise StrategyError("the predictions of the learner are not finite")
            num_classes = found.shape[1]
            rows.append(prediction.indices.cpu())
            classes.append(found.argmax(dim=1).cpu())
        order = torch.cat(rows).argsort()
        sorted_rows = torch.cat(rows)[order]
        return torch.cat(classes)[order][torch.searchsorted(sorted_rows, wanted)], num_classes

    def _labelled(self, num_classes: int) -> Tensor:
        """Return how many labels each class has, ``[C]``; zeros where the training pool cannot tell."""
        pool = self.driver.training_pool
        if not gives_batches(pool) or len(pool) == 0:
            return torch.zeros(num_classes, dtype=torch.int64)
        return torch.bincount(pool.targets(torch.arange(len(pool))).long().flatten(), minlength=num_classes)
