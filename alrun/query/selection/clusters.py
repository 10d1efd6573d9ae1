"""Rows in clusters around their nearest centers, as centers are added."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.distances import Distances

__all__ = ["Clusters"]

RIVALS = 1024


class Clusters:
    """Every row with its nearest center and the distance to it.

    Attributes:
        distances: Of the rows.
        centers: Rows that are centers, in order; the cluster of a row is a position in here.
        nearest: Squared distances ``[N]`` to the nearest center.
        member: The cluster of each row, ``[N]`` ``int32``; of equally near centers the first.
        weights: Sums of the squared distances in each cluster, ``[K]`` ``float64`` (room for more after them).
    """

    def __init__(self, distances: Distances) -> None:
        """Start without a center."""
        self.distances = distances
        self.centers: list[int] = []
        self.nearest = torch.full_like(distances.sq_norms, torch.inf)
        self.member = torch.zeros(len(self.nearest), dtype=torch.int32, device=self.nearest.device)
        self.weights = torch.zeros(64, dtype=torch.float64, device=self.nearest.device)

    def split(self, center: int, column: Tensor) -> None:
        """Add ``center``, a row, with the distances ``[N]`` of all rows to it."""
        new = len(self.centers)
        if new == len(self.weights):
            self.weights = torch.cat([self.weights, torch.zeros_like(self.weights)])
        moved = (column < self.nearest).nonzero().squeeze(1)
        near = column[moved]
        if new:
            before = self.nearest[moved].double().neg_()
            self.weights.index_add_(0, self.member[moved], before)
        self.weights[new] = near.sum(dtype=torch.float64)
        self.nearest[moved] = near
        self.member[moved] = new
        self.nearest[center] = 0
        self.centers.append(center)

    def farthest(self) -> int | None:
        """Return the row of the heaviest cluster that is farthest from its center; none if all are at a center."""
        row, value = self._farthest()
        if value <= 0:
            # Sums that were added to and taken from are not exactly 0 any more.
            self.weights.zero_().index_add_(0, self.member, self.nearest.double())
            row, value = self._farthest()
        return row if value > 0 else None

    def _farthest(self) -> tuple[int, float]:
        weights = self.weights[: len(self.centers)]
        heaviest = (weights == weights.amax()).nonzero().squeeze(1)
        inside = self.member == heaviest if len(heaviest) == 1 else torch.isin(self.member, heaviest)
        rows = inside.nonzero().squeeze(1)
        values = self.nearest[rows]
        top = values.amax()
        rivals = (values >= top - 2 * self._error(rows, values, top)).nonzero().squeeze(1)
        if 1 < len(rivals) <= RIVALS and top > 0:
            centers = torch.tensor(self.centers, device=rivals.device)
            exact = self.distances.exact(rows[rivals], centers)
            return int(rows[rivals[exact == exact.amax()][0]]), float(exact.amax())
        return int(rows[rivals[values[rivals] == top][0]]), float(top)

    def _error(self, rows: Tensor, values: Tensor, top: Tensor) -> Tensor:
        """Return a bound on the errors of the ``values`` of ``rows``, which may be as large as ``top``."""
        errors = self.distances.errors(self.distances.sq_norms[rows], values)
        # What was at the level of rounding is exact already, up to the digits that were stored.
        return torch.where(values > errors, errors, top * torch.finfo(values.dtype).eps)
