"""Digest of the weights of a module."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["weights_digest"]


def weights_digest(module: nn.Module) -> bytes:
    """Return the SHA-256 of all weights and buffers, names included: what it depends on while it is not trained.

    Their contents are read, since changes in place leave no other trace that could be relied on.
    """
    import torch

    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(f"{name}\0".encode())
        if isinstance(value, torch.Tensor):
            digest.update(f"{value.dtype}{list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.digest()
