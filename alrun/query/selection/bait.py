"""BAIT: rows that best cover the Fisher information of the whole pool."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.fisher import Fisher, leading_directions

__all__ = ["bait"]


class _Trace:
    """How much ``trace(M⁻¹ F)`` changes with each row, kept up to date as rows enter or leave ``M``.

    Of row ``x`` with information ``V Vᵀ``, ``V = S½ ⊗ h``, it keeps ``I + S G`` and ``S Q`` ``[r, r]``, where
    ``G = hᵀ A h``, ``Q = hᵀ A F A h`` and ``A = M⁻¹``. By Woodbury's identity a row that enters lowers the trace by
    ``tr((I + S G)⁻¹ S Q)`` and takes from ``A`` a matrix of rank ``r``, so that all ``G`` and ``Q`` follow from one
    product with its factor. For rows that leave, the signs of ``S`` and of that matrix are turned.
    """

    def __init__(self, fisher: Fisher, inverse: Tensor, target: Tensor, sign: int) -> None:
        """Watch the rows of ``fisher``, which enter (``sign`` 1) or leave (-1) the matrix that has ``inverse``."""
        self.fisher, self.inverse, self.target, self.sign = fisher, inverse, target, sign
        shape, device = (len(fisher), fisher.rank, fisher.rank), inverse.device
        self.system = torch.empty(shape, dtype=torch.float64, device=device)
        self.worth = torch.empty(shape, dtype=torch.float64, device=device)
        both = inverse @ target @ inverse
        for part in fisher.parts():
            rows = fisher.part(part)
            curvature = rows.curvature()
            self.system[part] = sign * (curvature @ rows.forms(inverse))
            self.system[part].diagonal(dim1=1, dim2=2).add_(1)
            self.worth[part] = curvature @ rows.forms(both)

    def gains(self) -> Tensor:
        """Return how much the trace falls with each row that enters, or rises with each that leaves, ``[N]``."""
        return torch.cat([self._gains(part) for part in self.fisher.parts()])

    def _gains(self, part: slice) -> Tensor:
        system, worth = self.system[part], self.worth[part]
        solved = worth / system if self.fisher.rank == 1 else torch.linalg.solve(system, worth)
        return solved.diagonal(dim1=1, dim2=2).sum(dim=1)

    def move(self, row: int) -> Tensor:
        """Let ``row`` enter or leave, and return the new ``gains``."""
        columns = self._factor(row)
        pulled = self.target @ columns
        mixed = self.inverse @ pulled - self.sign * 0.5 * columns @ (columns.T @ pulled)
        self.inverse -= self.sign * columns @ columns.T
        both, rank = torch.cat([columns, mixed], dim=1), self.fisher.rank
        gains = []
        for part in self.fisher.parts():
            rows = self.fisher.part(part)
            near, far = rows.products(both).split(rank, dim=2)
            # Q meets symmetric matrices alone, in traces, so that its own two halves need not be the same.
            if rank == 1:
                turned = rows.curvature() * near
                self.system[part].addcmul_(turned, near, value=-1)
                self.worth[part].addcmul_(turned, far, value=-2 * self.sign)
            else:
                turned = rows.curvature() @ near
                self.system[part].baddbmm_(turned, near.transpose(1, 2), alpha=-1)
                self.worth[part].baddbmm_(turned, far.transpose(1, 2), alpha=-2 * self.sign)
            gains.append(self._gains(part))
        return torch.cat(gains)

    def _factor(self, row: int) -> Tensor:
        """Return ``B`` ``[D, r]`` ``float64``: the inverse loses ``B Bᵀ`` as ``row`` enters, gains it as it leaves."""
        one = self.fisher.part(slice(row, row + 1))
        h, curvature = one.vectors()[0], one.curvature()[0]
        rank = self.fisher.rank
        columns = self.inverse.unflatten(1, (rank, -1)) @ h
        cover = torch.einsum("rds,d->rs", columns.unflatten(0, (rank, -1)), h)
        eye = torch.eye(rank, dtype=torch.float64, device=h.device)
        core = torch.linalg.solve(eye + self.sign * curvature @ cover, curvature)
        values, vectors = torch.linalg.eigh((core + core.T) / 2)
        factor: Tensor = columns @ (vectors * values.clamp_min(0).sqrt())
        return factor


def bait(
    features: Tensor | Features,
    labeled: Tensor,
    n: int,
    *,
    probabilities: Tensor | None = None,
    weights: Tensor | None = None,
    regularization: float = 1.0,
    labeled_weight: float | None = None,
    oversampling: float = 2.0,
    max_dimension: int = 2048,
) -> Tensor:
    """Pick the rows that lower ``trace(M⁻¹ F)`` most (Ash et al. 2021, "Gone fishing", algorithm 1).

    ``F`` is the mean Fisher information of all rows, and ``M`` that of the labeled and picked ones plus
    ``regularization`` times the identity, both for the weights of the last layer. ``oversampling * n`` rows are added
    to ``M`` one by one, each the best; then those that matter least are taken out one by one, until ``n`` are left.
    Without ``probabilities`` it is the method for regression (Ash et al. 2021, section 4; Holzmüller et al. 2023,
    ``BAIT-F`` for ``oversampling=1`` and ``BAIT-FB`` for 2, with ``labeled_weight=1`` and the squared noise as
    ``regularization``).

    Exact but for one thing: where ``(C - 1) * d`` exceeds ``max_dimension``, only the leading
    ``max_dimension / (C - 1)`` principal directions of the features count. For many classes give ``weights``
    ``p (1 - p)`` of the most probable class instead (Huseljic et al. 2024, the binary approximation).

    Args:
        features: Inputs of the last layer, ``[N, d]``.
        labeled: Positions ``[L]`` that are labeled.
        n: How many to pick.
        probabilities: Class probabilities ``[N, C]``, or ``None``.
        weights: Information ``[N]`` in place of that of ``probabilities``.
        regularization: Added to the diagonal of ``M``; positive.
        labeled_weight: Weight of a labeled row in ``M``, where a picked one has 1; ``None`` for ``1 / L``, as
            published.
        oversampling: At least 1.
        max_dimension: Largest side of ``M``.

    Returns:
        ``[min(n, N - L)]`` ``int64`` in order of choice. Memory: ``16 (C - 1)²`` bytes per row (of 1 for a regression),
        and a few matrices of ``max_dimension²`` numbers.

    Raises:
        ConfigError: A number is out of its range.
    """
    _check(regularization, oversampling, max_dimension)
    rows = as_features(features)
    free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    free[labeled] = False
    available = int(free.sum())
    n = min(max(0, n), available)
    if n == 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    fisher = _reduced(Fisher(rows, probabilities, weights), max_dimension)
    target, start = fisher.total() / len(rows), _start(fisher, labeled, regularization, labeled_weight)
    picks = _forward(fisher, start, target, free, min(round(oversampling * n), available))
    chosen = fisher.at(picks)
    return picks[_backward(chosen, start + chosen.total(), target, n)]


def _check(regularization: float, oversampling: float, max_dimension: int) -> None:
    wrong = {
        "regularization": regularization > 0,
        "oversampling": oversampling >= 1,
        "max_dimension": max_dimension > 0,
    }
    if problems := [Problem("is out of its range", name) for name, good in wrong.items() if not good]:
        raise ConfigError(problems)


def _reduced(fisher: Fisher, max_dimension: int) -> Fisher:
    wanted = max(1, max_dimension // fisher.rank)
    if fisher.width <= wanted:
        return fisher
    return replace(fisher, directions=leading_directions(fisher.features, wanted))


def _start(fisher: Fisher, labeled: Tensor, regularization: float, weight: float | None) -> Tensor:
    known = fisher.at(labeled.to(fisher.features.device))
    start = regularization * torch.eye(fisher.rank * fisher.width, dtype=torch.float64, device=fisher.features.device)
    return start + known.total() * (1 / len(known) if weight is None else weight) if len(known) else start


def _forward(fisher: Fisher, matrix: Tensor, target: Tensor, free: Tensor, n: int) -> Tensor:
    trace, free = _Trace(fisher, torch.linalg.inv(matrix), target, 1), free.clone()
    gains, picks = trace.gains(), list[int]()
    while len(picks) < n:
        picks.append(int(gains.masked_fill(~free, -torch.inf).argmax()))
        free[picks[-1]] = False
        gains = trace.move(picks[-1]) if len(picks) < n else gains
    return torch.tensor(picks, dtype=torch.int64, device=free.device)


def _backward(fisher: Fisher, matrix: Tensor, target: Tensor, n: int) -> Tensor:
    """Return which ``n`` of the rows, whose information is part of ``matrix``, are to stay."""
    stays = torch.ones(len(fisher), dtype=torch.bool, device=matrix.device)
    if len(fisher) > n:
        trace = _Trace(fisher, torch.linalg.inv(matrix), target, -1)
        gains = trace.gains()
        for _ in range(len(fisher) - n):
            leaves = int(gains.masked_fill(~stays, torch.inf).argmin())
            stays[leaves] = False
            gains = trace.move(leaves)
    return stays.nonzero()[:, 0]
