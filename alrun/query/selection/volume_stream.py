"""Streamed volume sampling: one pass over the rows, each taken or left for good."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.features import Features, as_features, slices

__all__ = ["volume_stream"]


def volume_stream(
    features: Tensor | Features, n: int, *, generator: torch.Generator | None = None, scale: float = 100.0
) -> Tensor:
    """Return rows that a stream takes with probability proportional to the volume they add (Saran et al. 2023, VeSSAL).

    "Streaming active learning with deep neural networks": row ``t`` is taken with probability
    ``z_t xᵀ A x``, ``A = (I / scale + sum of x xᵀ over the taken rows)⁻¹`` and
    ``z_t = (n - taken) / (N - t + 1) / tr(A S_t)``, where ``S_t`` is the mean of ``x xᵀ`` over the rows up to ``t``: so
    that the rows that remain are expected to give as many as are still wanted. ``scale`` is that of the authors' code.

    The stream is the rows in random order, where the authors keep that of the pool; and where it ends with fewer than
    ``n``, random rows fill up, as in their code. Between two picks ``A`` stays, so that all probabilities up to the
    next pick are known from one product: ``O(N D)`` a pick, with ``O(n D)`` numbers held and 60 bytes per row. The
    results are those of the loop over rows.

    Args:
        features: ``[N, d]``, or features that are not formed.
        n: How many to pick.
        generator: Of the order and the draws; ``None`` for one with seed 0.
        scale: Of the identity that ``A`` starts from.

    Returns:
        Positions ``[min(n, N)]`` ``int64``, in the order of the stream.
    """
    rows = as_features(features)
    n = min(n, len(rows))
    generator = generator or torch.Generator().manual_seed(0)
    order = torch.randperm(len(rows), generator=generator, device=generator.device).to(rows.device)
    chances = torch.rand(len(rows), dtype=torch.float64, generator=generator, device=generator.device).to(rows.device)
    picks = _taken(rows, order, chances, n, scale) if n > 0 else []
    free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    free[picks] = False
    rest = order[free[order]][: n - len(picks)]
    return torch.cat([torch.tensor(picks, dtype=torch.int64, device=rows.device), rest])


def _taken(rows: Features, order: Tensor, chances: Tensor, n: int, scale: float) -> list[int]:
    """Return the rows that are taken of the stream of rows ``order`` ``[N]``, by uniform ``chances`` ``[N]``."""
    volumes = rows.sq_norms().double()[order] * scale
    seen = torch.arange(1, len(order) + 1, dtype=torch.float64, device=order.device)
    picks: list[int] = []
    turned: list[Tensor] = []
    start = 0
    while len(picks) < n:
        traces = volumes.cumsum(0) / seen
        rates = (n - len(picks)) / (len(order) - seen + 1)
        wanted = rates * volumes >= chances * traces
        later = (wanted & (volumes > 0))[start:].nonzero()[:1, 0]
        if len(later) == 0:
            break
        place = start + int(later)
        picks.append(int(order[place]))
        vector = rows.take(order[place].reshape(1)).double().vectors()[0]
        column = scale * vector
        for other in turned:
            column = column - other * (other @ vector)
        column = column / (1 + volumes[place]).sqrt()
        turned.append(column)
        volumes = (volumes - _products(rows, column)[order].square()).clamp_min_(0)
        start = place + 1
    return picks


def _products(rows: Features, vector: Tensor) -> Tensor:
    """Return the inner products ``[N]`` ``float64`` of all rows with ``vector`` ``[D]``."""
    found = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
    for part in slices(rows):
        found[part] = rows.part(part.start, part.stop).project(vector.unsqueeze(0).to(rows.dtype))[:, 0]
    return found
