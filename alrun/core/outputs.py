"""Conversion of raw learner outputs to probabilities and moments.

Classification outputs are logits ``[..., C]`` (one column stands for the logit of the second of two classes).
Several classifications have their logits side by side, ``[..., sum C]``, in the order of ``TaskSpec.tasks``.
Multi-label outputs are logits ``[..., L]``, of each label that it holds; those of a segmentation ``[..., C, H, W]``.
Regression outputs are ``[..., T]`` means, or ``[..., 2T]`` means followed by log-variances, in the units of the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.core.types import Moments, Task, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["element_probabilities", "gaussian_moments", "mixture", "probabilities", "task_outputs"]


def probabilities(logits: Tensor) -> Tensor:
    """Return class probabilities ``[..., C]`` for logits ``[..., C]``, or ``[..., 2]`` for a single logit column."""
    if logits.shape[-1] > 1:
        return logits.softmax(dim=-1)
    import torch

    positive = logits.sigmoid()
    return torch.cat([1 - positive, positive], dim=-1)


def element_probabilities(outputs: Tensor, spec: TaskSpec | None) -> Tensor:
    """Return the class probabilities of the elements of each row, ``[..., B, E, C]``.

    A classification has one element, of ``C`` classes; multi-label data have one a label, each of two classes; a
    segmentation has its pixels, row by row.

    Args:
        outputs: Raw outputs of a learner, ``[..., B, C]``, ``[..., B, L]`` or ``[..., B, C, H, W]``.
        spec: What the data are; ``None`` for a classification.
    """
    if spec is not None and spec.task is Task.SEGMENTATION:
        return outputs.flatten(-len(spec.mask_shape)).softmax(dim=-2).transpose(-1, -2)
    if spec is None or spec.task is not Task.MULTI_LABEL:
        return probabilities(outputs).unsqueeze(-2)
    import torch

    # Not 1 - p, which is 0 long before the logit is large.
    return torch.stack([(-outputs).sigmoid(), outputs.sigmoid()], dim=-1)


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
