"""Handwritten digits with three tasks: which digit, odd or even, above four or not."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.bundled import bundled_table
from alrun.data.source import ArraySource

__all__ = ["DigitsMultitask"]


class DigitsMultitask(ArraySource):
    """The rows of ``Digits`` with the tasks ``digit`` (10 classes), ``parity`` and ``above_four`` (2 each)."""

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        *,
        image: bool = False,
        partial_labels: bool = False,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Load the digits.

        Args:
            image: Shape of an input: ``(1, 8, 8)`` for convolutions, or else flat, ``(64,)``.
            partial_labels: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.
        """
        table = bundled_table("digits.csv.gz").to(torch.float32)
        shape = (1, 8, 8) if image else (64,)
        classify = Task.CLASSIFICATION
        parts = (
            TaskPart("digit", classify, 10, tuple("0123456789")),
            TaskPart("parity", classify, 2, ("even", "odd")),
            TaskPart("above_four", classify, 2, ("no", "yes")),
        )
        spec = TaskSpec(classify, shape, sum(part.num_outputs for part in parts), tasks=parts)
        digits = table[:, -1].to(torch.int64)
        targets = torch.stack([digits, digits % 2, (digits > 4).to(torch.int64)], dim=1)
        options: dict[str, Any] = {"validation_size": validation_size, "test_size": test_size}
        inputs = (table[:, :-1] / 16).reshape(-1, *shape)
        super().__init__(inputs, targets, spec, partial_labels=partial_labels, **options)
