"""Weighted seeding: draws that are far, by angle, from those before, and that count for much."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.features import Features, as_features, slices

__all__ = ["seeding"]

#: Cosine distance up to which two rows have the same direction.
_SAME = 1e-5


def seeding(
    features: Tensor | Features, weights: Tensor, n: int, generator: torch.Generator, *, first: int = 0
) -> Tensor:
    """Return ``first`` and then draws with probability proportional to ``(weight * distance)²``.

    The distance is that by cosine to the nearest pick, ``1 - cos``, as in LDM-S (Cho et al. 2024). Where
    no row with a weight has another direction than the picks, the heaviest rows fill up. Time ``O(N n D)``.

    Args:
        features: ``[N, d]``, or features that are not formed.
        weights: How much each row counts, ``[N]`` floats, none negative.
        n: How many to pick.
        generator: Where the draws come from.
        first: Position of the first pick.

    Returns:
        Positions ``[min(n, N)]`` ``int64``, in order of choice.
    """
    rows = as_features(features)
    n = min(n, len(rows))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    norms = rows.sq_norms().double()
    scales = torch.where(norms > 0, norms, 1.0).rsqrt()
    mass, picks = weights.double().to(rows.device).clone(), [first]
    nearest = torch.full((len(rows),), float("inf"), dtype=torch.float64, device=rows.device)
    chances = torch.rand(n - 1, dtype=torch.float64, generator=generator, device=generator.device).tolist()
    for chance in chances:
        mass[picks[-1]] = 0
        _approach(rows, scales, nearest, picks[-1])
        edges = (mass * nearest).square_().cumsum(0)
        if float(edges[-1]) <= 0:
            break
        picks.append(min(int(torch.searchsorted(edges, chance * edges[-1], right=True)), len(edges) - 1))
    free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    free[picks] = False
    rest = free.nonzero()[:, 0]
    rest = rest[weights.to(rest.device)[rest].argsort(descending=True, stable=True)][: n - len(picks)]
    return torch.cat([torch.tensor(picks, device=rows.device), rest])


def _approach(rows: Features, scales: Tensor, nearest: Tensor, pick: int) -> None:
    """Lower ``nearest`` ``[N]`` to the distances to ``pick``."""
    chosen = rows.take(torch.tensor([pick], device=rows.device))
    for part in slices(rows):
        cosines = rows.part(part.start, part.stop).products(chosen)[:, 0] * scales[part] * scales[pick]
        gaps = 1 - cosines
        nearest[part] = torch.minimum(nearest[part], gaps.masked_fill_(gaps < _SAME, 0))
