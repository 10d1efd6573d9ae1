"""Checks of a selector's arguments."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem

__all__ = ["checked_labeled"]


def checked_labeled(labeled: Tensor, count: int, device: torch.device) -> Tensor:
    """Return ``labeled`` ``[L]`` ``int64`` on ``device``.

    Raises:
        ConfigError: When it is not a list of different rows among ``count``.
    """
    if labeled.ndim != 1 or (len(labeled) and labeled.dtype != torch.int64):
        shape = f"{list(labeled.shape)} {str(labeled.dtype).removeprefix('torch.')}"
        raise ConfigError(Problem(f"labeled rows must be a list of int64, not {shape}", "labeled"))
    labeled = labeled.to(device, torch.int64)
    if len(labeled) and (int(labeled.min()) < 0 or int(labeled.max()) >= count):
        raise ConfigError(Problem(f"a labeled row is not among the {count} rows", "labeled"))
    if len(labeled.unique()) != len(labeled):
        raise ConfigError(Problem("a labeled row is given twice", "labeled"))
    return labeled
