"""Squared distances from inner products, corrected for rounding."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.query.selection.features import Features, slices

__all__ = ["Distances"]

PAIRS, ENTRIES = 1 << 13, 1 << 20


class Distances:
    """Squared distances ``|x|² + |c|² - 2 x·c`` between rows of ``features``.

    They lose digits where ``x`` and ``c`` are close together; what comes out at the level of rounding is computed again
    from differences. So rows that are the same are exactly 0 apart, and others are not.

    Attributes:
        features: The rows.
        sq_norms: Their squared norms ``[N]``.
    """

    def __init__(self, features: Features) -> None:
        """Compute the norms.

        Raises:
            StrategyError: When one is not finite.
        """
        self.features = features
        self.sq_norms = features.sq_norms()
        if not self.sq_norms.isfinite().all():
            row = int((~self.sq_norms.isfinite()).nonzero()[0])
            raise StrategyError(f"the features of row {row} are not finite, or too large to square")

    def errors(self, sq_norms: Tensor, values: Tensor) -> Tensor:
        """Return a bound on the error of computed distances ``values`` of rows with ``sq_norms``, both ``[N]``."""
        # The other end is at most |x| + sqrt(value) from the origin, so its norm need not be known.
        return (4 * sq_norms + values).mul_(2 * self.features.rounding)

    def between(self, rows: Features, sq_norms: Tensor, few: Features, few_sq_norms: Tensor) -> Tensor:
        """Return the distances ``[N, m]`` of ``rows`` to ``few`` as computed, perhaps below 0."""
        return rows.products(few).mul_(-2).add_(few_sq_norms).add_(sq_norms[:, None])

    def lower(self, nearest: Tensor, rows: Tensor) -> None:
        """Lower ``nearest`` ``[N]`` in place to the distances to the closest of ``rows`` ``[m]``."""
        few, few_sq_norms = self.features.take(rows), self.sq_norms[rows]
        for part in slices(self.features, len(rows)):
            sq_norms, before = self.sq_norms[part], nearest[part]
            products = self.features.part(part.start, part.stop).products(few)
            values = products.mul_(-2).add_(few_sq_norms).amin(1).add_(sq_norms)
            doubtful = ((values <= self.errors(sq_norms, values)) & (before > 0)).nonzero().squeeze(1)
            if len(doubtful):
                values[doubtful] = self.exact(doubtful + part.start, rows).to(values.dtype)
            torch.minimum(before, values, out=before)

    def columns(self, rows: Tensor, out: Tensor, places: list[int]) -> None:
        """Write the distances of all rows to ``rows`` ``[m]`` into the rows ``places`` of ``out`` ``[_, N]``."""
        few, few_sq_norms = self.features.take(rows), self.sq_norms[rows]
        goals = torch.tensor(places, dtype=torch.int64, device=out.device)
        for part in slices(self.features, len(rows)):
            sq_norms = self.sq_norms[part]
            # A tall matrix times a narrow one is half as fast again as the other way round.
            values = self.between(self.features.part(part.start, part.stop), sq_norms, few, few_sq_norms)
            doubtful = values <= self.errors(sq_norms, sq_norms)[:, None]
            for pairs in doubtful.nonzero().split(PAIRS) if doubtful.any() else ():
                near = self.features.take(pairs[:, 0] + part.start)
                values[pairs[:, 0], pairs[:, 1]] = near.sq_gaps(few.take(pairs[:, 1])).to(values.dtype)
            out[goals, part] = values.T

    def pairwise(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return the distances ``[r, m]`` ``float64`` of ``rows`` to ``others``, both few."""
        near, few = self.features.take(rows), self.features.take(others)
        values = self.between(near, self.sq_norms[rows], few, self.sq_norms[others])
        doubtful = values <= self.errors(self.sq_norms[rows], values.amax(1))[:, None]
        values = values.double()
        for pairs in doubtful.nonzero().split(PAIRS):
            values[pairs[:, 0], pairs[:, 1]] = near.take(pairs[:, 0]).sq_gaps(few.take(pairs[:, 1]))
        return values

    def exact(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return the distances ``[r]`` ``float64`` of ``rows`` to the closest of ``others``, from differences."""
        nearest = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
        for block in others.split(4096):
            step = max(1, ENTRIES // len(block))
            for start in range(0, len(rows), step):
                piece = nearest[start : start + step]
                torch.minimum(piece, self._exact(rows[start : start + step], block), out=piece)
        return nearest

    def _exact(self, rows: Tensor, others: Tensor) -> Tensor:
        few = self.features.take(others)
        sq_norms = self.sq_norms[rows]
        near = self.features.take(rows)
        values = self.between(near, sq_norms, few, self.sq_norms[others])
        closest = values.amin(1)
        reach = closest + 2 * self.errors(sq_norms, closest.clamp_min(0))
        first, second = (values <= reach[:, None]).nonzero(as_tuple=True)
        nearest = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
        for a, b in zip(first.split(PAIRS), second.split(PAIRS), strict=True):
            nearest.scatter_reduce_(0, a, near.take(a).sq_gaps(few.take(b)), "amin")
        return nearest
