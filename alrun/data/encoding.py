"""Encoding of raw targets: class numbers or finite floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.errors import DataError
from alrun.core.types import Task, TaskSpec
from alrun.data.origins import centered
from alrun.data.problems import fail

__all__ = [
    "MANY_CLASSES",
    "Encoded",
    "encode",
    "encode_classes",
    "encode_marks",
    "encode_masks",
    "encode_values",
    "guess_task",
]

MANY_CLASSES = 20
MOST_MASK_CLASSES = 1000
CHUNK_VALUES = 1 << 22


@dataclass(frozen=True)
class Encoded:
    """Targets as numbers, and what a learner must know of them.

    Attributes:
        targets: ``[N]`` ``int64`` classes, ``[N, L]`` ``int64`` marks, ``[N, H, W]`` classes or ``[N, T]`` ``float32``.
        task: What they are.
        num_outputs: Number of classes, ``L``, or ``T``.
        class_names: One name a class; none of a regression, and of labels that come without.
        target_origin: See ``TaskSpec.target_origin``.
        mask_shape: See ``TaskSpec.mask_shape``.
    """

    targets: Tensor
    task: Task
    num_outputs: int
    class_names: tuple[str, ...] = ()
    target_origin: tuple[float, ...] = ()
    mask_shape: tuple[int, ...] = ()

    def spec(self, input_shape: tuple[int, ...], standardize: tuple[int, ...] = ()) -> TaskSpec:
        """Return what a learner of inputs of this shape must know."""
        rest: dict[str, Any] = {"target_origin": self.target_origin, "mask_shape": self.mask_shape}
        return TaskSpec(self.task, input_shape, self.num_outputs, standardize, self.class_names, **rest)


def encode(values: npt.NDArray[Any], task: Task | None, where: str) -> Encoded:
    """Return ``values`` ``[N]`` or ``[N, T]`` as targets of ``task``; ``None`` for what they look like.

    Raises:
        DataError: They cannot be such targets; ``where`` says which values are meant.
    """
    wanted = task or guess_task(values)
    if wanted is Task.CLASSIFICATION:
        classes, names = encode_classes(values, where)
        return Encoded(classes, wanted, len(names), class_names=names)
    if wanted is Task.MULTI_LABEL:
        marks = encode_marks(values, where)
        return Encoded(marks, wanted, marks.shape[1])
    if wanted is Task.SEGMENTATION:
        masks, names = encode_masks(values, where)
        return Encoded(masks, wanted, len(names), class_names=names, mask_shape=tuple(masks.shape[1:]))
    numbers, origin = encode_values(values, where)
    return Encoded(numbers, wanted, numbers.shape[1], target_origin=origin)


def guess_task(values: npt.NDArray[Any]) -> Task:
    """Return the task that target ``values`` ``[N]``, ``[N, 1]`` or ``[N, T]`` suggest.

    Text and truth values are classes; whole numbers are classes when at most 20 differ; all else is a regression.
    Several labels a row look like one, too: they have to be asked for.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        return Task.REGRESSION
    if values.dtype.kind not in "iuf":
        return Task.CLASSIFICATION
    whole = bool(np.all(values == np.floor(values)))
    return Task.CLASSIFICATION if whole and len(np.unique(values)) <= MANY_CLASSES else Task.REGRESSION


def encode_classes(values: npt.NDArray[Any], where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Return classes ``[N]`` ``int64``, numbered in sorted order of their values, and their names.

    Args:
        values: ``[N]`` or ``[N, 1]`` of whole numbers, truth values or text.
        where: What to call the values in an error.

    Raises:
        DataError: Another shape, or numbers that are not whole.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise _not_one_class(values, where)
    fractional = values.dtype.kind == "f" and (~np.isfinite(values) | (values != np.floor(values)))
    if np.any(fractional):
        row = int(np.flatnonzero(fractional)[0])
        what = f"{values[row]} in row {row} is not a class: classes are whole numbers or text"
        raise fail(what, where, "data.task=regression query=variance metrology=regression")
    found, numbers = np.unique(values, return_inverse=True)
    names = tuple(str(int(each) if values.dtype.kind == "f" else each) for each in found)
    return torch.from_numpy(numbers.astype(np.int64)), names


def _not_one_class(values: npt.NDArray[Any], where: str) -> DataError:
    """Return the error of several values per row, which may be one class in another form, or several tasks."""
    is_mark = values.ndim == 2 and values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
    if is_mark and bool((values.sum(axis=1) == 1).all()):
        what = f"targets are one-hot, {list(values.shape)}: a class is one number per row"
        return fail(what, where, "save y.argmax(axis=1) in place of y")
    what = f"targets are {list(values.shape)}: classes must be one value per row"
    if is_mark:
        return fail(what, where, "several labels a row: data.task=multi_label metrology=multi_label")
    return fail(what, where, "save one column of y")


def encode_marks(values: npt.NDArray[Any], where: str, names: Sequence[str] = ()) -> Tensor:
    """Return marks ``[N, L]`` ``int64``: 1 for each label that holds, else 0.

    Args:
        values: ``[N, L]``, or ``[N]`` of one label, of zeros and ones or truth values.
        where: What to call the values in an error.
        names: Names of the labels, where they have such.

    Raises:
        DataError: A value is another one, or they have another shape.
    """
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        what = f"several labels a row are zeros and ones [N, L]; these are {values.dtype} {list(values.shape)}"
        raise fail(what, where, "data.task=classification")
    block = values[:, None] if values.ndim == 1 else values
    wrong = np.argwhere((block != 0) & (block != 1))
    if len(wrong):
        row, label = wrong[0].tolist()
        named = repr(names[label]) if names else f"number {label}"
        what = f"label {named} is {block[row, label]} in row {row}: 1 where it holds, else 0"
        raise fail(what, where, "data.task=regression query=variance metrology=regression")
    return torch.from_numpy(block.astype(np.int64))


def encode_masks(values: npt.NDArray[Any], where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Return the classes of pixels ``[N, H, W]``, numbered in sorted order of their values, and their names.

    They are in bytes where these hold them.

    Args:
        values: ``[N, H, W]`` of whole numbers or truth values.
        where: What to call the values in an error.

    Raises:
        DataError: They are of another kind or shape, or more than ``MOST_MASK_CLASSES`` different ones.
    """
    if values.dtype.kind not in "biu" or values.ndim < 3:
        what = f"masks are whole numbers [N, H, W], one class a pixel; these are {values.dtype} {list(values.shape)}"
        raise fail(what, where, "data.task=classification learner=mlp metrology=classification")
    found = np.unique(values)
    if len(found) > MOST_MASK_CLASSES:
        what = f"masks hold {len(found)} different values, from {found[0]} to {found[-1]}: a class is one of few"
        raise fail(what, where, "save the number of its class for each pixel")
    masks = np.empty(values.shape, dtype=np.uint8 if len(found) <= 256 else np.int64)
    step = max(1, CHUNK_VALUES // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), step):
        masks[start : start + step] = np.searchsorted(found, values[start : start + step])
    return torch.from_numpy(masks), tuple(str(int(each)) for each in found)


def encode_values(values: npt.NDArray[Any], where: str) -> tuple[Tensor, tuple[float, ...]]:
    """Return regression targets ``[N, T]`` ``float32`` for numbers ``[N]`` or ``[N, T]``, and their origins ``[T]``.

    These have been subtracted, see ``TaskSpec.target_origin``; there are none where nothing has been.

    Raises:
        DataError: They are not numbers, or have another shape.
    """
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        what = f"a regression needs numbers [N] or [N, T]; these are {values.dtype} {list(values.shape)}"
        raise fail(what, where, "data.task=classification")
    block, origin = centered(values[:, None] if values.ndim == 1 else values)
    return torch.from_numpy(block), origin
