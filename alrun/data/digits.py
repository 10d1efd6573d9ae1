"""Handwritten digits of 8x8 pixels: learned in seconds, and hard enough to distinguish query strategies."""

from __future__ import annotations

from typing import ClassVar

import torch

from alrun.core.types import Task, TaskSpec
from alrun.data.bundled import bundled_table
from alrun.data.source import ArraySource

__all__ = ["Digits"]


class Digits(ArraySource):
    """1797 digits in 10 classes.

    The test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998).

    Same rows, in the same order, as ``sklearn.datasets.load_digits``; gray values 0 … 16 are divided by 16.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(self, *, image: bool = False, validation_size: float = 0.1, test_size: float = 0.2) -> None:
        """Load the digits.

        Args:
            image: Shape of an input: ``(1, 8, 8)`` for convolutions, or else flat, ``(64,)``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.
        """
        table = bundled_table("digits.csv.gz").to(torch.float32)
        shape = (1, 8, 8) if image else (64,)
        spec = TaskSpec(Task.CLASSIFICATION, shape, 10, class_names=tuple("0123456789"))
        inputs, targets = (table[:, :-1] / 16).reshape(-1, *shape), table[:, -1].to(torch.int64)
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
