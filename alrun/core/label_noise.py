"""Errors of labels as pure functions of row and key: a row has the same error whenever it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alrun.core.row_random import row_uniforms

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["confused", "flipped", "gaussian_errors"]


def flipped(classes: Tensor, num_classes: int, rate: float, rows: Tensor, key: int) -> Tensor:
    """Return ``classes`` ``[n]`` where each is replaced, with probability ``rate``, by one of the others, uniformly."""
    import torch

    hit = torch.from_numpy(row_uniforms(rows, key)) < rate
    shift = 1 + (torch.from_numpy(row_uniforms(rows, key, draw=1)) * (num_classes - 1)).long()
    return torch.where(hit, (classes + shift) % num_classes, classes)


def confused(classes: Tensor, confusion: Tensor, rows: Tensor, key: int) -> Tensor:
    """Return for each of ``classes`` ``[n]`` a draw from its row of ``confusion`` ``[C, C]`` ``float64``."""
    import torch

    chances = torch.from_numpy(row_uniforms(rows, key))
    beyond = confusion.cumsum(dim=1)[classes] <= chances[:, None]
    last = (confusion > 0).long().cumsum(dim=1).argmax(dim=1)
    return beyond.sum(dim=1).minimum(last[classes])


def gaussian_errors(shape: tuple[int, ...], rows: Tensor, key: int) -> Tensor:
    """Return standard normal numbers ``shape`` ``[n, ...]`` ``float64``, for each row its own."""
    import torch

    count = 1
    for size in shape[1:]:
        count *= size
    uniform = torch.stack([torch.from_numpy(row_uniforms(rows, key, draw)) for draw in range(count)], dim=1)
    normal: Tensor = torch.special.ndtri(uniform)
    return normal.reshape(shape)
