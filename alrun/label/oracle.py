"""The data set's own labels."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from alrun.core.protocols.driver import spec_of
from alrun.core.requests import is_pair, task_of
from alrun.core.types import Annotation, LabelStatus
from alrun.label.base import BatchLabels, plain_targets

__all__ = ["Oracle"]

_NEW_POINT = "the data set holds no label for a new point"


class Oracle(BatchLabels):
    """Reveals the target that the source holds for each requested row.

    Of a request for one task of a row it reveals that task alone. A request for a new point, which no source holds, is
    skipped.

    Args:
        cost: What one label costs, in a unit of your choice.
        batch_size: Rows looked up together.
    """

    annotator = "oracle"

    def __init__(self, cost: float = 1.0, batch_size: int = 4096) -> None:
        """Charge ``cost`` a label."""
        super().__init__(batch_size, cost)

    def targets(self, rows: Tensor) -> Tensor:
        """Return the labels of source ``rows`` ``[n]``: ``[n]`` ``int64`` classes or ``[n, T]`` floats."""
        revealed: Tensor = self.driver.unlabeled_pool.reveal(rows)
        return revealed

    def answer(self, items: list[Any]) -> list[Annotation]:
        """Return one annotation an item, in order: the label of each row or task of a row, new points as skipped."""
        labels = iter(self._labels([item for item in items if _is_known(item)]))
        return [
            Annotation(item, next(labels), self.annotator, self.cost)
            if _is_known(item)
            else Annotation(item, None, self.annotator, 0.0, LabelStatus.SKIPPED, _NEW_POINT)
            for item in items
        ]

    def _labels(self, items: list[Any]) -> list[Any]:
        """Return the label of each row; of a pair ``(row, task)`` that of the task alone."""
        if not items:
            return []
        rows = [int(item[0] if is_pair(item) else item) for item in items]
        whole = plain_targets(self.targets(torch.tensor(rows, dtype=torch.int64)))
        return [
            _plain(label[task_of(item[1], spec_of(self.driver))]) if is_pair(item) else label
            for item, label in zip(items, whole, strict=True)
        ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


def _is_known(item: Any) -> bool:
    return isinstance(item, Integral) or is_pair(item)
