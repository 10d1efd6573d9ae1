"""Fisher information of a last layer, row by row, without a matrix per row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from alrun.query.selection.features import Features, slices

LARGEST_PART, NUMBERS_A_PART = 1 << 14, 1 << 21

__all__ = ["Fisher", "contrasts", "leading_directions"]


def contrasts(classes: int) -> Tensor:
    """Return an orthonormal basis ``[C, C-1]`` ``float64`` of the vectors whose entries sum to 0 (Helmert)."""
    basis = torch.ones(classes, classes, dtype=torch.float64).triu()[:, 1:]
    basis[torch.arange(1, classes), torch.arange(classes - 1)] = -torch.arange(1.0, classes, dtype=torch.float64)
    found: Tensor = basis / basis.square().sum(dim=0).sqrt()
    return found


def leading_directions(features: Features, count: int) -> Tensor:
    """Return the directions ``[count, d]`` ``float64`` in which ``features`` have the largest second moment."""
    moment = torch.zeros((), dtype=torch.float64, device=features.device)
    for part in slices(features):
        rows = features.part(part.start, part.stop).double().vectors()
        moment = moment + rows.T @ rows
    found: Tensor = torch.linalg.eigh(moment).eigenvectors[:, -count:].T
    return found


@dataclass
class Fisher:
    """Row ``i`` has the information ``S_i ⊗ h_i h_iᵀ`` of ``D = r * d`` dimensions.

    ``S`` is ``diag(p) - p pᵀ`` for the logits of ``C`` classes. It has no part along the vector of ones, so that
    ``r = C - 1`` coordinates hold all of it. For a regression, ``S`` is 1, or a weight a row. What is computed is
    ``float64``, whatever the features are: sums over many picks in ``float32`` drift until the picks are others.

    Attributes:
        features: The ``h``, ``[N, d]``.
        probabilities: The ``p``, ``[N, C]``, or ``None``.
        weights: The ``S`` where there are no ``p``, ``[N]``, or ``None`` for 1.
        directions: Orthonormal ``[d', d]`` that ``h`` is projected on, or ``None``.
    """

    features: Features
    probabilities: Tensor | None = None
    weights: Tensor | None = None
    directions: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def rank(self) -> int:
        """``r``."""
        return 1 if self.probabilities is None else self.probabilities.shape[1] - 1

    @cached_property
    def width(self) -> int:
        """``d``, after the projection."""
        return int(self.part(slice(0, 1)).vectors().shape[1])

    @cached_property
    def _basis(self) -> Tensor:
        return contrasts(self.rank + 1).to(self.features.device)

    def at(self, rows: Tensor) -> Fisher:
        """Return a copy of ``rows`` ``[m]``."""
        return self._cut(self.features.take(rows).double(), rows)

    def parts(self) -> Iterator[slice]:
        """Yield slices of the rows: few, as each is worked on in many short steps, yet of bounded memory."""
        step = min(LARGEST_PART, max(256, NUMBERS_A_PART // (self.rank**2 + self.width)))
        return (slice(start, min(start + step, len(self))) for start in range(0, len(self), step))

    def part(self, part: slice) -> Fisher:
        """Return a slice of the rows."""
        return self._cut(self.features.part(part.start, part.stop).double(), part)

    def _cut(self, features: Features, rows: Tensor | slice) -> Fisher:
        p, w = (None if each is None else each[rows] for each in (self.probabilities, self.weights))
        return Fisher(features, p, w, self.directions)

    def curvature(self) -> Tensor:
        """Return ``S``, ``[N, r, r]``."""
        if self.probabilities is None:
            ones = torch.ones(len(self), dtype=torch.float64, device=self.features.device)
            return (ones if self.weights is None else self.weights.to(ones))[:, None, None]
        p, basis = self.probabilities.double(), self._basis
        squares = (basis[:, :, None] * basis[:, None, :]).flatten(1)
        mean = p @ basis
        raw: Tensor = (p @ squares).unflatten(1, (self.rank, self.rank))
        return raw - mean[:, :, None] * mean[:, None, :]

    def vectors(self) -> Tensor:
        """Return the ``h``, projected, ``[N, d]``; meant for few."""
        rows = self.features.double().vectors()
        return rows if self.directions is None else rows @ self.directions.T

    def products(self, columns: Tensor) -> Tensor:
        """Return ``(I_r ⊗ h)ᵀ columns`` of each row, ``[N, r, s]``, for ``columns`` ``[D, s]``."""
        few = columns.unflatten(0, (self.rank, -1)).transpose(1, 2).flatten(0, 1)
        found = self.features.double().project(few if self.directions is None else few @ self.directions)
        products: Tensor = found.unflatten(1, (self.rank, -1))
        return products

    def forms(self, matrix: Tensor) -> Tensor:
        """Return ``(I_r ⊗ h)ᵀ matrix (I_r ⊗ h)`` of each row, ``[N, r, r]``, for a symmetric ``[D, D]``; few rows."""
        h, rank = self.vectors(), self.rank
        blocks = matrix.unflatten(0, (rank, -1)).unflatten(2, (rank, -1))
        found = torch.empty(len(h), rank, rank, dtype=torch.float64, device=h.device)
        for first in range(rank):
            for second in range(first + 1):
                found[:, first, second] = ((h @ blocks[first, :, second]) * h).sum(dim=1)
                found[:, second, first] = found[:, first, second]
        return found

    def total(self) -> Tensor:
        """Return the sum over the rows, ``[D, D]`` ``float64``; one slice of them at a time."""
        width, rank = self.width, self.rank
        found = torch.zeros(rank, width, rank, width, dtype=torch.float64, device=self.features.device)
        for part in self.parts():
            few = self.part(part)
            h, curvature = few.vectors(), few.curvature()
            for first in range(rank):
                for second in range(first + 1):
                    found[first, :, second] += (h * curvature[:, first, second, None]).T @ h
        for first in range(rank):
            for second in range(first):
                found[second, :, first] = found[first, :, second]
        return found.flatten(2, 3).flatten(0, 1)
