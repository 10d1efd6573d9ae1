"""Permuted pools: the same rows in another order."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["permuted"]


def permuted(pool: Any, seed: int) -> Any:
    """Return ``pool`` with its rows in a seeded random order."""
    return pool.part(torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed)))
