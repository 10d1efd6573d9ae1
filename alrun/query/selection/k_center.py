"""Farthest-first traversal: every pick is the row farthest from all labeled and picked ones."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.checks import checked_labeled
from alrun.query.selection.distances import Distances
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.lazy import BLOCK, highest, lazy_greedy

__all__ = ["farthest_from_origin", "k_center"]


def k_center(features: Tensor | Features, labeled: Tensor, n: int) -> Tensor:
    """Return the greedy k-center picks (Sener and Savarese 2018, algorithm 1; Gonzalez 1985).

    With nothing labeled the first pick is the row with the largest norm, as ``maxdist`` of Holzmüller et al. (2023)
    has it. The picks are those of the plain algorithm in exact arithmetic, unless more rows than a shortlist holds are
    within rounding of the farthest. Distances that are zero count as such: of rows that are the same one is picked,
    until no other is left. Extra memory is 16 bytes per row and some tens of megabytes.

    Args:
        features: ``[N, d]`` floats, or features.
        labeled: Rows ``[L]`` ``int64`` that are centers from the start.
        n: How many to pick.

    Returns:
        Rows ``[min(n, N - L)]`` ``int64`` in order of choice; of rows equally far the first.

    Raises:
        ConfigError: When ``labeled`` names rows that are not there, or one twice.
        StrategyError: When the features are not finite.
    """
    lazy = as_features(features)
    labeled = checked_labeled(labeled, len(lazy), lazy.device)
    n = min(n, len(lazy) - len(labeled))
    if n <= 0:
        return labeled.new_empty(0)
    distances = Distances(lazy)
    scores = _Nearest(distances)
    start = labeled if len(labeled) else farthest_from_origin(distances)
    for block in start.split(BLOCK):
        scores.absorb(block)
    if len(labeled):
        return lazy_greedy(scores, n)
    return torch.cat([start, lazy_greedy(scores, n - 1)])


def farthest_from_origin(distances: Distances) -> Tensor:
    """Return the row with the largest norm as ``[1]``, the first of equals."""
    norms = distances.sq_norms
    rivals = (norms >= norms.amax() * (1 - 2 * distances.features.rounding)).nonzero().squeeze(1)[:4096]
    if len(rivals) > 1:
        rivals = rivals[highest(distances.features.take(rivals).vectors().double().square().sum(1), 1)]
    return rivals


class _Nearest:
    """Distances to the nearest center, as scores that fall."""

    shortlisted = 512

    def __init__(self, distances: Distances) -> None:
        self.distances = distances
        self.values = torch.full_like(distances.sq_norms, torch.inf)
        self.centers: list[Tensor] = []

    def errors(self) -> Tensor:
        return self.distances.errors(self.distances.sq_norms, self.values.clamp_min(0))

    def shortlist(self, rows: Tensor) -> _Few:
        return _Few(self, rows)

    def absorb(self, rows: Tensor) -> None:
        self.centers.append(rows)
        self.distances.lower(self.values, rows)
        self.values[rows] = -torch.inf


class _Few:
    """The shortlist: the farthest rows, and how far they are from each other."""

    def __init__(self, scores: _Nearest, rows: Tensor) -> None:
        self.distances, self.rows = scores.distances, rows
        self.centers = list(scores.centers)
        sq_norms, few = self.distances.sq_norms[rows], self.distances.features.take(rows)
        self.apart, self.sq_norms = self.distances.between(few, sq_norms, few, sq_norms), sq_norms
        values = scores.values[rows]
        errors = self.distances.errors(sq_norms, values.clamp_min(0))
        # What was at the level of rounding is exact already, up to the digits that were stored.
        errors = torch.where(values > errors, errors, values.clamp_min(0) * torch.finfo(values.dtype).eps)
        self.values, self.errors = values.double(), errors.double()

    def settle(self, which: Tensor) -> None:
        self.values[which] = self.distances.exact(self.rows[which], torch.cat(self.centers))
        self.errors[which] = 0

    def pick(self, chosen: int) -> None:
        self.centers.append(self.rows[chosen : chosen + 1])
        fresh = self.apart[chosen]
        errors = self.distances.errors(self.sq_norms, fresh.clamp_min(0)).double()
        fresh = fresh.double()
        self.errors = torch.where(fresh < self.values + errors, errors, self.errors)
        torch.minimum(self.values, fresh, out=self.values)
        self.values[chosen] = -torch.inf
        self.errors[chosen] = 0
