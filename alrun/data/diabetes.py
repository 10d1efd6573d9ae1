"""Diabetes progression from 10 features: a small, noisy regression."""

from __future__ import annotations

from typing import ClassVar

import torch

from alrun.core.types import Task, TaskSpec
from alrun.data.bundled import bundled_table
from alrun.data.source import ArraySource

__all__ = ["Diabetes"]


class Diabetes(ArraySource):
    """442 patients and the progression of their disease after one year.

    From Efron, Hastie, Johnstone, Tibshirani (2004), "Least Angle Regression".

    Same rows as ``sklearn.datasets.load_diabetes(scaled=False)``. Columns are raw; the learner standardizes all 10 on
    what is labeled, where scikit-learn's scaled version knows the whole table.
    """

    task: ClassVar[Task | None] = Task.REGRESSION

    def __init__(self, *, validation_size: float = 0.1, test_size: float = 0.2) -> None:
        """Load the table; for the sizes see ``ArraySource``."""
        inputs = bundled_table("diabetes_data_raw.csv.gz", delimiter=None).to(torch.float32)
        targets = bundled_table("diabetes_target.csv.gz", delimiter=None).to(torch.float32)
        spec = TaskSpec(Task.REGRESSION, (10,), 1, standardize=tuple(range(10)))
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
