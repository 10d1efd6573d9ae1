"""What the label strategies share: requests are taken in batches, answers are made durable batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import LabelStrategy
from alrun.core.types import Annotation, Task

__all__ = ["BatchLabels", "plain_targets"]


def plain_targets(targets: Tensor) -> list[Any]:
    """Return one label a row, as annotations carry them.

    Args:
        targets: ``[n]`` or ``[n, T]``.

    Returns:
        Python ints for ``[n]`` integers, lists of them for ``[n, T]``; python floats for one float a row, tensors
        ``[T]`` for several.
    """
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
            problems.append(Problem(f"a batch cannot hold {batch_size} requests", "label.batch_size", "say e.g. 64"))
        if not cost >= 0:
            problems.append(Problem(f"a cost cannot be {cost}", "label.cost", "say e.g. label.cost=1"))
        if problems:
            raise ConfigError(problems)
        self.batch_size = batch_size
        self.cost = cost

    @abstractmethod
    def answer(self, items: list[Any]) -> list[Annotation]:
        """Return one annotation for each of ``items`` (source row numbers or inputs of new points), in any order."""

    def label(
        self, queue_to_label: AbstractQueue[Any], serialize_queue: AbstractQueue[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Take every request from ``queue_to_label``; put its answer in ``serialize_queue`` before the next batch.

        Raises:
            StrategyError: When ``answer`` does not answer each request once.
        """
        while not queue_to_label.empty():
            items: list[Any] = []
            while len(items) < self.batch_size and not queue_to_label.empty():
                items.append(queue_to_label.get())
            annotations = self.answer(items)
            if len(annotations) != len(items):
                raise StrategyError(f"{type(self).__name__} gave {len(annotations)} answers to {len(items)} requests")
            _put_many(serialize_queue, annotations)


def _put_many(queue: AbstractQueue[Any], annotations: list[Annotation]) -> None:
    put_many = getattr(queue, "put_many", None)
    if put_many is not None:
        put_many(annotations)
        return
    for annotation in annotations:
        queue.put(annotation)
