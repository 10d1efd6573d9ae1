"""Gradients that were computed together with the loss, and assigned to the parameters by ``backward``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["KnownGradient", "bounded"]


class KnownGradient(torch.autograd.Function):
    """A loss whose gradient in some parameters is known."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        """Return ``loss``, a scalar, as one whose gradients in ``parameters`` are ``gradients``; for one backward."""
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        """Return the gradients, times ``slope``."""
        # Handed over, not held: a gradient that nobody else holds becomes the parameter's without a copy.
        gradients = [ctx.gradients.pop(0) for _ in range(len(ctx.gradients))]
        if slope.device.type == "cpu" and slope == 1:
            return None, None, *gradients
        return None, None, *(gradient * slope.to(gradient) for gradient in gradients)


def bounded(gradients: Sequence[Tensor], bound: float) -> list[Tensor]:
    """Return ``gradients`` ``[M, ...]``, scaled so that no member's 2-norm over all of them exceeds ``bound``.

    As ``torch.nn.utils.clip_grad_norm_`` does for one member.
    """
    norms = torch.stack([torch.linalg.vector_norm(one.flatten(1), dim=1) for one in gradients], dim=1)
    factors = (bound / (torch.linalg.vector_norm(norms, dim=1) + 1e-6)).clamp(max=1)
    return [one * factors.view(-1, *[1] * (one.ndim - 1)) for one in gradients]
