"""Temperature scaling: logits are divided by a number that is fitted to the validation pool."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from alrun.core.outputs import task_outputs

if TYPE_CHECKING:
    from torch import Tensor

    from alrun.core.types import TaskSpec

__all__ = ["COLDEST", "HOTTEST", "fitted_temperatures"]

#: Bounds of a temperature. Validation rows that all are classified correctly would ask for zero.
COLDEST, HOTTEST = 0.05, 20.0
_STEPS, _TOLERANCE = 48, 1e-7
_GOLDEN = (math.sqrt(5) - 1) / 2

Batch = tuple["Tensor", "Tensor"]


def fitted_temperatures(outputs: Sequence[Tensor], targets: Sequence[Tensor], spec: TaskSpec) -> Tensor:
    """Return what to divide each column of logits by, ``[C]`` ``float64``: one temperature a task.

    Guo et al. (2017), "On calibration of modern neural networks", section 4: of least negative log-likelihood, from
    0.05 to 20. For ``K`` posterior samples that of their mean probability. Deviation: a search over the logarithm of
    the temperature, first on a grid, since the mean of samples may have several minima, then by golden section, in
    ``float64``: the same on every run, without a step size.

    Args:
        outputs: Batches of logits ``[B, C]`` or ``[K, B, C]``, of several tasks side by side.
        targets: Their classes, ``[B]`` or ``[B, T]`` ``int64``, -1 where a label is missing. Without any the
            temperature is 1.
        spec: The tasks.
    """
    import torch

    parts = [task_outputs(one, spec) for one in outputs]
    columns = [one.reshape(len(one), -1) for one in targets]
    divisors = []
    for task, logits in enumerate(parts[0]):
        known = [column[:, task] >= 0 for column in columns]
        batches = [
            (part[task][..., rows, :], c[rows, task]) for part, c, rows in zip(parts, columns, known, strict=True)
        ]
        temperature = _minimum(lambda log, batches=batches: _loss(batches, math.exp(-log)))  # type: ignore[misc]
        empty = not any(len(one) for _, one in batches)
        divisors.append(torch.full((logits.shape[-1],), 1.0 if empty else temperature, dtype=torch.float64))
    return torch.cat(divisors)


def _loss(batches: Sequence[Batch], factor: float) -> float:
    """Return the summed negative log-likelihood of ``batches`` whose logits are multiplied by ``factor``."""
    import torch

    total = 0.0
    for logits, classes in batches:
        scaled = logits.double() * factor
        if scaled.shape[-1] == 1:
            scaled = torch.cat([torch.zeros_like(scaled), scaled], dim=-1)
        index = classes.expand(scaled.shape[:-1]).unsqueeze(-1)
        chosen = scaled.log_softmax(dim=-1).gather(-1, index).squeeze(-1)
        if chosen.ndim > 1:
            chosen = chosen.logsumexp(dim=0) - math.log(len(chosen))
        total -= float(chosen.sum())
    return total


def _minimum(loss: Callable[[float], float]) -> float:
    """Return the temperature whose logarithm has the least ``loss``."""
    low, high = math.log(COLDEST), math.log(HOTTEST)
    width = (high - low) / _STEPS
    grid = [low + step * width for step in range(_STEPS + 1)]
    best = min(grid, key=loss)
    left, right = max(low, best - width), min(high, best + width)
    while right - left > _TOLERANCE:
        first, second = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if loss(first) <= loss(second):
            right = second
        else:
            left = first
    found = 0.5 * (left + right)
    return math.exp(min((low, found, high), key=loss))
