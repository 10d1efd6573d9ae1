"""Annotations, as label strategies hand them in, turned into tensors or refused."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus, Task, TaskSpec

__all__ = ["encode_targets", "is_point", "num_classes", "refuse_unlabelled", "row_number", "stack_points"]


def is_point(item: Any) -> bool:
    """Return whether ``item`` is the inputs of a new point rather than a row number (an integer, or a 0-d tensor)."""
    return isinstance(item, Tensor | np.ndarray) and item.ndim > 0


def row_number(item: Any) -> int:
    """Return ``item`` as a row number, or raise ``StrategyError``."""
    try:
        return operator.index(item)
    except TypeError:
        raise StrategyError(
            f"a label request must be a row number or the inputs of a new point, not {item!r}"
        ) from None


def refuse_unlabelled(annotations: Sequence[Annotation]) -> None:
    """Raise ``StrategyError`` when one of ``annotations`` is not labelled."""
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
    """Return the number of classes as a scalar tensor, or of each task ``[T]`` where there are several."""
    return torch.tensor([part.num_outputs for part in spec.tasks] if spec.tasks else spec.num_outputs)


def encode_targets(targets: Sequence[Any], spec: TaskSpec) -> Tensor:
    """Return labels: ``[n]`` ``int64`` classes, ``[n, T]`` of them for several tasks, or ``[n, T]`` finite ``float32``.

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
    return _classes(block, spec) if spec.task is Task.CLASSIFICATION else _values(block, spec)


def _classes(block: Tensor, spec: TaskSpec) -> Tensor:
    shape = (len(block), len(spec.tasks)) if spec.tasks else (len(block),)
    if block.numel() != math.prod(shape):
        wanted = f"{len(spec.tasks)} classes" if spec.tasks else "one class"
        raise StrategyError(f"{wanted} a label {'are' if spec.tasks else 'is'} expected, not {tuple(block.shape[1:])}")
    given = block.reshape(shape)
    classes, limit = given.to(torch.int64), num_classes(spec).expand(shape)
    wrong = (classes != given) | (classes < 0) | (classes >= limit)
    if wrong.any():
        value, most = given[wrong][0].item(), int(limit[wrong][0]) - 1
        raise StrategyError(f"label {value!r} is not a class of the data (0 to {most})")
    return classes


def _values(block: Tensor, spec: TaskSpec) -> Tensor:
    count = len(block)
    if block.numel() != count * spec.num_outputs:
        raise StrategyError(f"{spec.num_outputs} values a label are expected, not shape {tuple(block.shape[1:])}")
    values = block.reshape(count, spec.num_outputs).to(torch.float32)
    if not values.isfinite().all():
        raise StrategyError("a label is not finite; a label strategy should answer such a request with status 'failed'")
    return values
