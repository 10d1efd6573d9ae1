"""Conversion of raw learner outputs to probabilities and moments.

Classification outputs are logits ``[..., C]`` (one column stands for the logit of the second of two classes).
Several classifications have their logits side by side, ``[..., sum C]``, in the order of ``TaskSpec.tasks``.
Regression outputs are ``[..., T]`` means, or ``[..., 2T]`` means followed by log-variances, in the units of the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.core.types import Moments, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["gaussian_moments", "mixture", "probabilities", "task_outputs"]


def probabilities(logits: Tensor) -> Tensor:
    """Return class probabilities ``[..., C]`` for logits ``[..., C]``, or ``[..., 2]`` for a single logit column."""
    if logits.shape[-1] > 1:
        return logits.softmax(dim=-1)
    import torch

    positive = logits.sigmoid()
    return torch.cat([1 - positive, positive], dim=-1)


def task_outputs(outputs: Tensor, spec: TaskSpec) -> tuple[Tensor, ...]:
    """Return the logits ``[..., C_t]`` of each of several classifications, views of ``outputs`` ``[..., sum C]``.

    A spec without several tasks has one, whose outputs are all there are.
    """
    if not spec.tasks:
        return (outputs,)
    parts: tuple[Tensor, ...] = outputs.split([part.num_outputs for part in spec.tasks], dim=-1)
    return parts


def gaussian_moments(outputs: Tensor, num_targets: int) -> Moments:
    """Return mean and variance ``[..., T]`` of raw regression outputs; variance 0 where the learner gives none."""
    mean = outputs[..., :num_targets]
    if outputs.shape[-1] == num_targets:
        return Moments(mean, mean.new_zeros(()).expand_as(mean))
    return Moments(mean, outputs[..., num_targets:].exp())


def mixture(moments: Moments) -> Moments:
    """Return the moments ``[B, T]`` of an equal mixture of ``K`` Gaussians ``[K, B, T]`` (law of total variance)."""
    spread = moments.mean.var(dim=0, unbiased=False)
    return Moments(moments.mean.mean(dim=0), moments.variance.mean(dim=0) + spread)
