"""Discriminator of an adversarial learner: its losses, and minibatches without labels."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

__all__ = ["UnlabeledStream", "discrimination_loss", "gradient_penalty"]


def discrimination_loss(labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Return how badly a discriminator tells rows apart: 0 where it says 1 for labeled and 0 for unlabeled ones.

    The sum of both mean squared errors (least-squares GAN, Mao et al. 2017, equation 2 without the factors 1/2).

    Args:
        labeled: ``[B, 1]`` outputs for labeled rows.
        unlabeled: ``[B', 1]`` outputs for unlabeled rows.
    """
    return (labeled - 1).square().mean() + unlabeled.square().mean()


def gradient_penalty(discriminator: nn.Module, labeled: Tensor, unlabeled: Tensor, generator: Generator) -> Tensor:
    """Return the mean of ``(|g| - 1)²``, ``g`` being the discriminator's gradient between pairs of rows.

    Gulrajani et al. (2017), "Improved Training of Wasserstein GANs", equation 3. Differentiable in the discriminator's
    weights alone.

    Args:
        discriminator: From latents ``[B, d]`` to ``[B, 1]``.
        labeled: ``[B, d]`` latents of labeled rows.
        unlabeled: ``[B, d]`` latents of unlabeled rows.
        generator: CPU generator that draws where between the two of a pair to look.
    """
    share = torch.rand(len(labeled), 1, generator=generator).to(labeled)
    between = (share * labeled + (1 - share) * unlabeled).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    norm: Tensor = torch.linalg.vector_norm(slope, dim=1)
    return (norm - 1).square().mean()


class UnlabeledStream:
    """Inputs of an unlabeled pool in a random order, without replacement; from the front again when all were served.

    Attributes:
        generator: CPU generator of the epoch; its next numbers are for whoever uses the minibatches.
    """

    def __init__(self, pool: object, generator: Generator) -> None:
        """Serve ``pool``, which has ``__len__`` and ``inputs(positions)``, in an order drawn by ``generator``."""
        self.generator = generator
        self._pool = pool
        self._order = torch.randperm(len(pool), generator=generator)  # type: ignore[arg-type]
        self._served = 0

    def take(self, count: int) -> Tensor:
        """Return the inputs ``[count, *input_shape]`` of the next rows, on the CPU."""
        positions = torch.arange(self._served, self._served + count) % len(self._order)
        self._served = (self._served + count) % len(self._order)
        inputs: Tensor = self._pool.inputs(self._order[positions])  # type: ignore[attr-defined]
        return inputs
