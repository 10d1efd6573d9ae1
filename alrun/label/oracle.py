"""Labels of the data set."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alrun.core.request import Request, request_of
from alrun.core.types import Annotation, LabelStatus
from alrun.label.base import BatchLabels, plain_targets

__all__ = ["Oracle"]

_NEW_POINT = "the data set has no label for a new point"


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
        requests = [request_of(item, self.driver.spec) for item in items]
        labels = iter(self._labels([one for one in requests if one.row is not None]))
        return [
            Annotation(item, next(labels), self.annotator, self.cost)
            if request.row is not None
            else Annotation(item, None, self.annotator, 0.0, LabelStatus.SKIPPED, _NEW_POINT)
            for item, request in zip(items, requests, strict=True)
        ]

    def _labels(self, requests: list[Request]) -> list[Any]:
        """Return the label of each row; of one task of a row that of the task alone."""
        if not requests:
            return []
        rows = [one.row for one in requests]
        whole = plain_targets(self.targets(torch.tensor(rows, dtype=torch.int64)))
        names = [part.name for part in self.driver.spec.tasks] if self.driver.spec else []
        return [
            label if one.task is None else _plain(label[names.index(one.task)])
            for one, label in zip(requests, whole, strict=True)
        ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value
