"""Lazy greedy choice by scores that only decrease: many picks per pass, identical to picking one by one."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Falling", "Shortlist", "lazy_greedy"]

BLOCK = 128


class Shortlist(Protocol):
    """A few rows whose scores follow every single pick.

    Attributes:
        values: Scores ``[M]`` ``float64``; minus infinity for what is picked.
        errors: How far each may be from the exact score, ``[M]``; 0 where it is known to the last digits.
    """

    values: Tensor
    errors: Tensor

    def settle(self, which: Tensor) -> None:
        """Replace the values at the positions ``which`` by exact ones."""
        ...

    def pick(self, chosen: int) -> None:
        """Lower all values to what they are once position ``chosen`` is picked."""
        ...


class Falling(Protocol):
    """Scores of all rows; a pick lowers some and raises none.

    Attributes:
        values: ``[N]``; minus infinity for rows that are not to be picked.
        shortlisted: How many rows a shortlist should have.
    """

    values: Tensor
    shortlisted: int

    def errors(self) -> Tensor:
        """Return how far each value may be from the exact score, ``[N]``."""
        ...

    def shortlist(self, rows: Tensor) -> Shortlist:
        """Return the shortlist of ``rows`` ``[M]``."""
        ...

    def absorb(self, rows: Tensor) -> None:
        """Lower all values to what they are once ``rows`` are picked, and rule those out."""
        ...


def highest(values: Tensor, count: int) -> Tensor:
    """Return the positions of the ``count`` largest values, ascending; equal values are taken from the front."""
    if count >= len(values):
        return torch.arange(len(values), device=values.device)
    worst = values.topk(count, sorted=False).values.amin()
    above = (values > worst).nonzero().squeeze(1)
    level = (values == worst).nonzero().squeeze(1)
    return torch.cat([above, level[: count - len(above)]]).sort().values


def _winner(few: Shortlist) -> int:
    """Return the position of the largest exact score, the first of equals."""
    floor = (few.values - few.errors).amax()
    rivals = (few.values + few.errors >= floor).nonzero().squeeze(1)
    if len(rivals) > 1 or few.values[rivals[0]] <= few.errors[rivals[0]]:
        unsure = rivals[few.errors[rivals] > 0]
        if len(unsure):
            few.settle(unsure)
        rivals = rivals[few.values[rivals] == few.values[rivals].amax()]
    return int(rivals[0])


def _round(few: Shortlist, level: float, bound: float, limit: int) -> list[int]:
    """Return picks within the shortlist, as long as no row outside can have a higher score.

    Args:
        few: The rows with the highest values.
        level: The highest value outside.
        bound: The same plus its error.
        limit: How many picks at most.
    """
    picks: list[int] = []
    flat = False
    while len(picks) < limit:
        winner = _winner(few)
        value, error = float(few.values[winner]), float(few.errors[winner])
        sure = value - error > bound
        if not picks:
            # More equals than the shortlist holds: they rank by value as computed, then by position.
            flat = not sure
        elif not (sure or (flat and value >= level)):
            break
        if value <= 0:
            break
        picks.append(winner)
        few.pick(winner)
    return picks


def lazy_greedy(scores: Falling, n: int) -> Tensor:
    """Return ``n`` picks, each with the highest score once those before it are absorbed.

    The highest scores are followed pick by pick on a shortlist; the others can only fall meanwhile, so a pick stands as
    long as it scores more than the others did (Minoux 1978). Then all picks of the round are absorbed in one product.
    Where scores are within rounding of each other they are compared by their exact values; equal ones by position.

    Args:
        scores: Of all rows.
        n: How many; not more than there are rows to pick.

    Returns:
        Positions ``[n]`` ``int64`` in order of choice. Once no score is above 0, the first rows left.
    """
    picks = [torch.zeros(0, dtype=torch.int64, device=scores.values.device)]
    left = n
    while left > 0:
        rows = highest(scores.values, scores.shortlisted)
        outside = scores.values.clone().index_fill_(0, rows, -torch.inf)
        level = float(outside.amax())
        bound = float(outside.add_(scores.errors()).amax())
        chosen = _round(scores.shortlist(rows), level, bound, min(left, BLOCK))
        if not chosen:
            picks.append((scores.values > -torch.inf).nonzero().squeeze(1)[:left])
            break
        picks.append(rows[chosen])
        left -= len(chosen)
        if left > 0:
            scores.absorb(rows[chosen])
    return torch.cat(picks)
