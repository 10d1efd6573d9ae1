"""Breast cancer from 30 measurements of cell nuclei: a small table with two imbalanced classes."""

from __future__ import annotations

from typing import ClassVar

import torch

from alrun.core.types import Task, TaskSpec
from alrun.data.bundled import bundled_header, bundled_table
from alrun.data.source import ArraySource

__all__ = ["BreastCancer"]

FILE = "breast_cancer.csv"


class BreastCancer(ArraySource):
    """569 tumors, 212 malignant and 357 benign: UCI's "Breast Cancer Wisconsin (Diagnostic)" (Street, Wolberg 1993).

    Same rows as ``sklearn.datasets.load_breast_cancer``. Columns are raw; the learner standardizes all 30.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(self, *, validation_size: float = 0.1, test_size: float = 0.2) -> None:
        """Load the table; for the sizes see ``ArraySource``."""
        table = bundled_table(FILE, skip=1)
        names = tuple(bundled_header(FILE)[2:])
        spec = TaskSpec(Task.CLASSIFICATION, (30,), 2, standardize=tuple(range(30)), class_names=names)
        inputs, targets = table[:, :-1].to(torch.float32), table[:, -1].to(torch.int64)
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
