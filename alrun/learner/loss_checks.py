"""Checks of losses that are given by name, and of their weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.errors import Problem
from alrun.core.types import Task, TaskSpec

__all__ = ["loss_problems", "weight_problems"]


def loss_problems(losses: object, spec: TaskSpec, gaussian: bool) -> Iterator[Problem]:
    """Yield what is wrong with ``losses``, each of which is tried on two rows; ``None`` are none."""
    if losses is None:
        return
    if not isinstance(losses, Mapping):
        example = "learner.losses.ce._target_=alrun.learner.losses.CrossEntropy"
        yield Problem(f"{losses!r} is not a mapping of losses", "learner.losses", example)
        return
    for name, loss in losses.items():
        key = f"learner.losses.{name}"
        if not callable(loss) or not str(name).isidentifier() or name == "loss":
            what = f"{name!r} is not a valid name of a loss" if callable(loss) else f"{loss!r} is not a loss"
            yield Problem(what, key, f"{key}._target_=alrun.learner.losses.CrossEntropy")
        elif not _is_weight(getattr(loss, "loss_reweight", 1.0)):
            yield Problem(f"{loss.loss_reweight!r} is not a number", f"{key}.loss_reweight", f"{key}.loss_reweight=0.5")
        elif getattr(loss, "moments", False) and not gaussian:
            yield Problem("needs a regression with a variance", key, "learner.likelihood=gaussian")
        else:
            yield from _trial_problems(loss, spec, key)


def weight_problems(key: str, noun: str, weights: Any, spec: TaskSpec | None) -> Iterator[Problem]:
    """Yield a problem unless ``weights`` are ``None``, ``balanced``, or a number each of the ``noun`` of ``spec``."""
    if weights is None or weights == "balanced":
        return
    numbers = list(weights) if isinstance(weights, Sequence) and not isinstance(weights, str) else []
    wanted = len(numbers) if spec is None else spec.num_outputs
    if not numbers or len(numbers) != wanted or not all(_is_weight(one) and one >= 0 for one in numbers):
        what = f"{weights!r} is not a list of {wanted or 'some'} weights of {noun}"
        yield Problem(what, key, f"{key}=balanced")


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _trial_problems(loss: Any, spec: TaskSpec, key: str) -> Iterator[Problem]:
    if spec.task is Task.MULTI_LABEL and isinstance(getattr(loss, "loss", loss), nn.CrossEntropyLoss):
        # It would take the marks for the probabilities of classes, of which one holds.
        what = "cross-entropy is of one class a row, and several labels may hold"
        yield Problem(what, key, f"{key}._target_=alrun.learner.losses.BinaryCrossEntropy")
        return
    rows = torch.zeros(2, spec.num_outputs, *spec.mask_shape)
    of_classes = spec.task in (Task.CLASSIFICATION, Task.SEGMENTATION)
    targets = torch.zeros(2, *spec.mask_shape, dtype=torch.int64) if of_classes else torch.zeros_like(rows)
    inputs = (rows, rows, targets) if getattr(loss, "moments", False) else (rows, targets)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = loss(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        yield Problem(f"does not fit a {spec.task}: {str(error).splitlines()[0]}", key)
        return
    if not isinstance(value, Tensor) or value.ndim:
        yield Problem("does not return a scalar", key, f"{key}.reduction=mean")
