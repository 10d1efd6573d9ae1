"""Encoding of annotations as tensors, and the errors of those that do not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus, Task, TaskSpec

__all__ = [
    "MISSING",
    "encode_targets",
    "encode_task_labels",
    "far_from_zero",
    "from_origin",
    "from_zero",
    "mask_dtype",
    "missing_value",
    "num_classes",
    "refuse_unlabeled",
    "stack_points",
    "unknown_labels",
]

#: Magnitude in standard deviations beyond which ``float32`` loses how numbers differ: it keeps 24 bits.
LOST = 2.0**14
#: Target of a classification whose label has not been bought; of a regression it is NaN.
MISSING = -1


def refuse_unlabeled(annotations: Sequence[Annotation]) -> None:
    """Raise ``StrategyError`` when one of ``annotations`` is not labeled."""
    refused = next((one for one in annotations if one.status != LabelStatus.LABELLED), None)
    if refused is not None:
        raise StrategyError(f"request {refused.item!r} was {refused.status}: it has no label to add")


def stack_points(points: Sequence[Any], spec: TaskSpec) -> Tensor:
    """Return new points as ``[m, *input_shape]`` ``float32``, or raise ``StrategyError`` (shape, not finite)."""
    if not points:
        return torch.empty((0, *spec.input_shape))
    tensors = [torch.as_tensor(point, dtype=torch.float32, device="cpu").detach() for point in points]
    for tensor in tensors:
        if tuple(tensor.shape) != spec.input_shape:
            raise StrategyError(
                f"a new point has shape {tuple(tensor.shape)}; the data's inputs have {spec.input_shape}"
            )
    block = torch.stack(tensors)
    if not block.isfinite().all():
        raise StrategyError("a new point has inputs that are not finite")
    return block


def num_classes(spec: TaskSpec) -> Tensor:
    """Return how many values a class may have, as a scalar tensor, or of each task ``[T]`` where there are several.

    *Unknown* is one more, of an open set. A label has two: it holds, or not.
    """
    if spec.task is Task.MULTI_LABEL:
        return torch.tensor(2)
    return torch.tensor([part.num_outputs for part in spec.tasks] if spec.tasks else spec.num_labels)


def mask_dtype(spec: TaskSpec) -> torch.dtype:
    """Return in what classes are kept: bytes for those of pixels, of which there are many, where they fit in these."""
    return torch.uint8 if spec.task is Task.SEGMENTATION and spec.num_outputs <= 256 else torch.int64


def encode_targets(targets: Sequence[Any], spec: TaskSpec) -> Tensor:
    """Return labels: ``[n]`` ``int64`` classes, ``[n, T]`` of several tasks, or ``[n, T]`` finite ``float32``.

    The last are less the data's ``target_origin``. Of multi-label data they are ``[n, L]`` ``int64``, 0 or 1, of a
    segmentation ``[n, H, W]`` classes.
    Numbers are converted in one go; tensors and arrays (as for ``T > 1``) are stacked. Labels that are fine alone are
    fine together, whatever shapes they come in.

    Raises:
        StrategyError: A label is no number, no class of the data, not finite, or has the wrong number of values.
    """
    try:
        if any(isinstance(target, Tensor) for target in targets):
            block = torch.stack([torch.as_tensor(target, device="cpu").detach() for target in targets])
        else:
            block = torch.as_tensor(np.asarray(targets))
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        if len(targets) > 1:
            return torch.cat([encode_targets([target], spec) for target in targets])
        raise StrategyError(f"labels that are not numbers, or not all of one shape: {error}") from error
    if block.is_complex():
        raise StrategyError("labels that are not numbers: they are complex")
    return _values(block, spec) if spec.task is Task.REGRESSION else _classes(block, spec)


def unknown_labels(targets: Sequence[Any], spec: TaskSpec) -> Tensor:
    """Return which labels say that a row is of none of the classes, ``[n]`` ``bool``; none does without an open set.

    Raises:
        StrategyError: See ``encode_targets``.
    """
    if not spec.open_set or len(targets) == 0:
        return torch.zeros(len(targets), dtype=torch.bool)
    return encode_targets(targets, spec) == spec.num_outputs


def from_origin(values: Tensor, origin: tuple[float, ...]) -> Tensor:
    """Return ``values`` ``[..., T]`` less ``origin`` ``[T]``, in ``float64``; as they are where there is none."""
    return values.double() - torch.tensor(origin, dtype=torch.float64) if origin else values


def from_zero(values: Tensor, origin: tuple[float, ...]) -> Tensor:
    """Return ``values`` ``[..., T]`` with ``origin`` ``[T]`` added, in ``float64``; as they are where there is none."""
    return values.double() + torch.tensor(origin, dtype=torch.float64) if origin else values


def far_from_zero(targets: Any) -> tuple[str, float] | None:
    """Return how far numbers ``[n]`` or ``[n, T]`` lie from 0, and what to subtract from them.

    Nothing where ``float32`` holds how they differ, where there are fewer than two, or where they are no numbers.
    """
    try:
        block = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
    except (TypeError, ValueError):
        return None
    if len(block) < 2:
        return None
    std, largest = block.std(axis=0), np.abs(block).max(axis=0)
    lost = np.flatnonzero((std > 0) & (largest > LOST * std))
    if not len(lost):
        return None
    mean, spread = block[:, lost[0]].mean().item(), std[lost[0]].item()
    unit = 10.0 ** math.ceil(math.log10(spread))
    return f"{mean:.3g} ± {spread:.2g}", round(mean / unit) * unit


def missing_value(spec: TaskSpec) -> float:
    """Return what stands for a label that has not been bought: -1 of a classification, NaN of a regression."""
    return math.nan if spec.task is Task.REGRESSION else MISSING


def encode_task_labels(labels: Sequence[Any], tasks: Tensor, spec: TaskSpec) -> Tensor:
    """Return labels of single tasks, ``[n]`` ``int64`` classes or finite ``float32``.

    Args:
        labels: One class or number each.
        tasks: Number of the task of each, ``[n]`` ``int64``.
        spec: The tasks.

    Raises:
        StrategyError: A label is no number, no class of its task, or not finite.
    """
    try:
        given = torch.as_tensor([float(label) for label in labels], dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise StrategyError(f"a label is not one class, or one number: {error}") from error
    if spec.task is Task.REGRESSION:
        if not given.isfinite().all():
            raise StrategyError("a label is not finite; answer such a request with status 'failed'")
        origin = torch.tensor(spec.target_origin, dtype=torch.float64)
        return (given - origin[tasks] if spec.target_origin else given).to(torch.float32)
    limit = num_classes(spec)[tasks]
    wrong = (given != given.floor()) | (given < 0) | (given >= limit)
    if wrong.any():
        name, most = spec.tasks[int(tasks[wrong][0])].name, int(limit[wrong][0]) - 1
        raise StrategyError(f"label {given[wrong][0].item():g} is not a class of task {name!r} (0 to {most})")
    return given.to(torch.int64)


def _classes(block: Tensor, spec: TaskSpec) -> Tensor:
    shape = (len(block), *spec.target_shape)
    # One class may come in any shape; a mask that is turned is another one.
    if block.numel() != math.prod(shape) or (spec.mask_shape and block.shape != shape):
        raise StrategyError(_other_shape(block, spec))
    given = block.reshape(shape)
    classes, limit = given.to(torch.int64), num_classes(spec).expand(shape)
    wrong = (classes != given) | (classes < 0) | (classes >= limit)
    if wrong.any():
        value, most = given[wrong][0].item(), int(limit[wrong][0]) - 1
        raise StrategyError(f"label {value!r} is not a class of the data (0 to {most})")
    return classes


def _other_shape(block: Tensor, spec: TaskSpec) -> str:
    found = tuple(block.shape[1:])
    if spec.task is Task.MULTI_LABEL:
        return f"{spec.num_outputs} marks of 0 and 1, one a label, are expected, not {found}"
    if spec.task is Task.SEGMENTATION:
        return f"a mask of shape {spec.mask_shape} is expected, not {found}"
    wanted = f"{len(spec.tasks)} classes" if spec.tasks else "one class"
    is_one_hot = not spec.tasks and block.shape[1:].numel() == spec.num_outputs and block.ndim > 1
    hint = "\n    → a one-hot label is given as its class, label.argmax()" if is_one_hot else ""
    return f"{wanted} a label {'are' if spec.tasks else 'is'} expected, not {found}{hint}"


def _values(block: Tensor, spec: TaskSpec) -> Tensor:
    count = len(block)
    if block.numel() != count * spec.num_outputs:
        raise StrategyError(f"{spec.num_outputs} values per label are expected, not shape {tuple(block.shape[1:])}")
    values = from_origin(block.reshape(count, spec.num_outputs), spec.target_origin).to(torch.float32)
    if not values.isfinite().all():
        raise StrategyError("a label is not finite; a label strategy should answer such a request with status 'failed'")
    return values
