"""Dropout masks that are fixed for a whole pass over the pool, and kept as seeds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from alrun.core.seeding import Role, Seeds

__all__ = ["DROPOUTS", "affine", "keep_masks", "mask_shape"]

_ALPHA = 1.7580993408473766

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def mask_shape(layer: nn.Module, features: torch.Size) -> torch.Size:
    """Return the shape of one mask for samples of shape ``features``: one number an element, or one a channel."""
    if isinstance(layer, (nn.Dropout, nn.AlphaDropout)) or not features:
        return features
    return torch.Size([features[0], *[1] * (len(features) - 1)])


def keep_masks(seeds: Seeds, name: str, num_passes: int, shape: torch.Size, prob: float) -> Tensor:
    """Return ``[K, *shape]`` ``bool``: what each of ``K`` passes keeps at the dropout site ``name``.

    Pass ``k`` has a stream of its own, so its mask does not depend on how many passes there are. Drawn on the CPU, so
    that every device sees the same masks.
    """
    streams = (seeds.torch(Role.DROPOUT, f"{name}/{k}") for k in range(num_passes))
    return torch.stack([torch.rand(shape, generator=stream) >= prob for stream in streams])


def affine(layer: nn.Module, keep: Tensor, prob: float) -> tuple[Tensor, Tensor | None]:
    """Return ``scale`` and ``shift`` of ``keep``'s shape, ``float32``: dropout is ``x * scale + shift``.

    Kept elements are scaled by ``1 / (1 - prob)``. Alpha dropout sets dropped elements to the negative saturation
    ``-1.758`` of SELU, then restores mean and variance: Klambauer et al. (2017), "Self-normalizing neural networks",
    section "New dropout technique". With ``prob`` 1 all is 0 in both.
    """
    kept = keep.float()
    if prob == 1:
        return torch.zeros_like(kept), None
    if not isinstance(layer, (nn.AlphaDropout, nn.FeatureAlphaDropout)):
        return kept / (1 - prob), None
    factor = 1 / math.sqrt((1 - prob) * (1 + prob * _ALPHA**2))
    return kept * factor, (kept - (1 - prob)) * (_ALPHA * factor)
