"""Likelihoods of a last layer and their curvature: categorical, Gaussian, or Gaussian of one noise."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["categorical_curvature", "gaussian_curvature", "pulled_back"]


def categorical_curvature(logits: Tensor) -> Tensor:
    """Return the Hessian ``[B, C, C]`` of the cross-entropy in ``logits`` ``[B, C]``, ``diag(p) - p p'``.

    One column is the logit of the second of two classes, with ``p (1 - p)``. The Hessian does not depend on the target.
    """
    if logits.shape[1] == 1:
        positive = logits.sigmoid()
        return (positive * (1 - positive)).unsqueeze(2)
    probabilities = logits.softmax(dim=1)
    return probabilities.diag_embed() - probabilities.unsqueeze(2) * probabilities.unsqueeze(1)


def gaussian_curvature(outputs: Tensor, targets: int, scale: Tensor | None) -> Tensor:
    """Return the Fisher information ``[B, C, C]`` of a Gaussian likelihood in ``outputs``, a diagonal.

    Args:
        outputs: Means ``[B, T]``, or means and log-variances ``[B, 2T]``, whose information is ``exp(-l)`` and 1/2.
        targets: ``T``.
        scale: Noise variances ``[T]`` of means alone.
    """
    if outputs.shape[1] > targets:
        precise = (-outputs[:, targets:]).exp()
        return torch.cat([precise, torch.full_like(precise, 0.5)], dim=1).diag_embed()
    assert scale is not None  # noqa: S101 - given wherever outputs are means alone
    return (1 / scale).expand(len(outputs), -1).diag_embed()


def pulled_back(curvature: Tensor, derivative: Tensor | None) -> Tensor:
    """Return ``J' A J`` ``[B, r, r]`` for ``A`` ``[B, C, C]`` and ``J`` ``[B, C, r]``, ``None`` for 1."""
    return curvature if derivative is None else derivative.transpose(1, 2) @ curvature @ derivative
