"""Base of the label strategies: requests are answered, and answers made durable, in batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sized
from typing import Any, ClassVar

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import LabelStrategy
from alrun.core.types import Annotation, LabelStatus, Task

__all__ = ["BatchLabels", "plain_targets"]


def plain_targets(targets: Tensor) -> list[Any]:
    """Return one label per row, as annotations carry them.

    Args:
        targets: ``[n]``, ``[n, T]`` or ``[n, H, W]``.

    Returns:
        Python ints for ``[n]`` integers, lists of them for ``[n, T]``; python floats for one float per row, tensors
        ``[T]`` for several. Of masks ``[n, H, W]`` a tensor each, in bytes where these hold its classes.
    """
    if targets.ndim > 2:
        return [row.to(torch.uint8) if row.amax() < 256 else row.clone() for row in targets]
    if not targets.is_floating_point():
        return targets.tolist()
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets.squeeze(1)
    return targets.tolist() if targets.ndim == 1 else [row.clone() for row in targets]


class BatchLabels(LabelStrategy):
    """Answers requests in batches. Subclass it and write ``answer``.

    Attributes:
        tasks: Tasks whose labels it can give.
        batch_size: Requests taken, and answers made durable, together.
        cost: What one answer costs, in a unit of the user's choice.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    __is_external_process__: bool = False
    _args: dict[str, Any]

    def __init__(self, batch_size: int, cost: float) -> None:
        """Answer ``batch_size`` requests at a time, for ``cost`` each.

        Raises:
            ConfigError: When the batch is empty or the cost negative.
        """
        problems = []
        if batch_size < 1:
            problems.append(
                Problem(f"batch_size must be at least 1, not {batch_size}", "label.batch_size", "label.batch_size=64")
            )
        if not cost >= 0:
            problems.append(Problem(f"the cost must be at least 0, not {cost}", "label.cost", "label.cost=1"))
        if problems:
            raise ConfigError(problems)
        self.batch_size = batch_size
        self.cost = cost

    @abstractmethod
    def answer(self, items: list[Any]) -> Iterable[Annotation]:
        """Return one annotation for each of ``items`` (source row numbers or inputs of new points), in any order.

        Annotations of status ``rejected`` may come beside them: attempts that are charged.
        """

    def answers(self, items: list[Any]) -> Iterator[Iterable[Annotation]]:
        """Yield the answers to ``items`` in parts, each made durable before the next is asked for; by default one."""
        yield self.answer(items)

    def label(
        self, queue_to_label: AbstractQueue[Any], serialize_queue: AbstractQueue[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Take every request from ``queue_to_label``; put its answer in ``serialize_queue`` before the next batch.

        Raises:
            StrategyError: When ``answer`` does not answer each request once; the answers that it gives are kept.
        """
        while not queue_to_label.empty():
            items: list[Any] = []
            while len(items) < self.batch_size and not queue_to_label.empty():
                items.append(queue_to_label.get())
            count = sum(_put(serialize_queue, part, self.strategy_name) for part in self.answers(items))
            if count != len(items):
                raise StrategyError(f"{self.strategy_name} returned {count} answers to {len(items)} requests")


def _put(queue: AbstractQueue[Any], annotations: Iterable[Annotation], author: str) -> int:
    """Put ``annotations`` in ``queue``, those of an iterator as it makes them; return how many requests they answer."""
    if not isinstance(annotations, Iterable):
        raise StrategyError(f"{author} returned {annotations!r:.80} instead of annotations")
    count = 0

    def counted() -> Iterator[Annotation]:
        nonlocal count
        for annotation in annotations:
            count += getattr(annotation, "status", None) != LabelStatus.REJECTED
            yield annotation

    put_many = getattr(queue, "put_many", None)
    if put_many is not None:
        put_many(list(counted()) if isinstance(annotations, Sized) else counted())
    else:
        for annotation in counted():
            queue.put(annotation)
    return count
