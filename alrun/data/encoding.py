"""Raw target values turned into what a task needs: class numbers or finite floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.types import Task
from alrun.data.problems import fail

__all__ = ["encode_classes", "encode_values", "guess_task"]

MANY_CLASSES = 20


def guess_task(values: npt.NDArray[Any]) -> Task:
    """Return the task that target ``values`` ``[N]`` or ``[N, T]`` suggest.

    Text and truth values are classes; whole numbers are classes when at most 20 differ; all else is a regression.
    """
    if values.ndim > 1:
        return Task.REGRESSION
    if values.dtype.kind not in "iuf":
        return Task.CLASSIFICATION
    whole = bool(np.all(values == np.floor(values)))
    return Task.CLASSIFICATION if whole and len(np.unique(values)) <= MANY_CLASSES else Task.REGRESSION


def encode_classes(values: npt.NDArray[Any], where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Return classes ``[N]`` ``int64``, numbered in sorted order of their values, and their names.

    Args:
        values: ``[N]`` of whole numbers, truth values or text.
        where: What to call the values in an error.

    Raises:
        DataError: Another shape, or numbers that are not whole.
    """
    if values.ndim != 1:
        raise fail(f"classes must be one value a row, not {values.shape[1:]}", where, "data.task=regression")
    fractional = values.dtype.kind == "f" and (~np.isfinite(values) | (values != np.floor(values)))
    if np.any(fractional):
        row = int(np.flatnonzero(fractional)[0])
        what = f"{values[row]} in row {row} is no class: classes are whole numbers or text"
        raise fail(what, where, "data.task=regression query=variance metrology=regression")
    found, numbers = np.unique(values, return_inverse=True)
    names = tuple(str(int(each) if values.dtype.kind == "f" else each) for each in found)
    return torch.from_numpy(numbers.astype(np.int64)), names


def encode_values(values: npt.NDArray[Any], where: str) -> Tensor:
    """Return regression targets ``[N, T]`` ``float32`` for numbers ``[N]`` or ``[N, T]``.

    Raises:
        DataError: They are not numbers, or have another shape.
    """
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        what = f"a regression needs numbers [N] or [N, T]; these are {values.dtype} {list(values.shape)}"
        raise fail(what, where, "data.task=classification")
    columns = values[:, None] if values.ndim == 1 else values
    with np.errstate(over="ignore"):
        return torch.from_numpy(columns.astype(np.float32))
