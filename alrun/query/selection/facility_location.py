"""Rows that stand for all others: greedy facility location."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.lloyd import own_gaps

__all__ = ["facility_location"]

_FEWEST, _MOST = 32, 128
_COPIED_VALUES = 1 << 24


def facility_location(features: Tensor | Features, n: int, *, labeled: Tensor | None = None) -> Tensor:
    """Return rows that, with the labelled ones, are most similar to all rows, by lazy greedy search.

    Each pick adds most to ``sum_i max_j s(i, j)`` over the rows ``j`` chosen so far, labelled ones among them, with the
    similarity ``s(i, j) = max d² - d(i, j)²`` (Wei, Iyer and Bilmes 2015, section 3; the similarity is that of
    apricot's ``euclidean``). So a pick's gain is ``sum_i max(0, m_i - d(i, j)²)``, where ``m_i`` is the squared
    distance to the nearest row chosen so far, and the first pick without labelled rows is the row nearest to the mean.
    Gains only fall (Minoux 1978): a candidate is chosen as soon as its gain is fresh and no old gain is larger. The
    picks are those of the plain greedy algorithm.

    Time ``O(N² D)`` for the first gains and ``O(N D)`` for each that is renewed; memory for 25 bytes a row and a few
    MiB: similarities are made in blocks and dropped. Gains are made in single precision, and again in double precision
    where that leaves open which is the largest; matrices of up to 64 MiB are copied once, to take their mean off.

    Args:
        features: ``[N, d]``, or features that are not formed.
        n: How many to pick.
        labeled: Positions ``[L]`` ``int64`` of rows that are chosen already; never picked.

    Returns:
        Positions ``[min(n, N - L)]`` ``int64``, in order of choice; ties: the lowest.
    """
    rows = as_features(features)
    known = torch.empty(0, dtype=torch.int64, device=rows.device) if labeled is None else labeled
    n = min(n, len(rows) - len(known))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    return _Search(rows, known).picks(n)


class _Search:
    """What is known of each row while rows are picked.

    Attributes:
        norms: Squared norms ``[N]``.
        nearest: Squared distance to the nearest row chosen so far, ``[N]`` ``float64``; infinite where there is none.
        gains: What each row would add ``[N]``, or added when it was last looked at; minus infinity where chosen.
        fresh: Whether a gain is that of now ``[N]``.
        slack: How far gains from products in single precision may be off.
    """

    def __init__(self, features: Features, known: Tensor) -> None:
        self.centre = _central(features)
        if isinstance(features, Dense) and features.matrix.numel() <= _COPIED_VALUES:
            # Relative to a row in the middle norms are small, and so is what distances lose to rounding.
            features = Dense(features.vectors() - features.take(self.centre).vectors())
        self.features, self.norms = features, features.sq_norms()
        self.slack = torch.finfo(features.dtype).eps * float(self.norms.sum(dtype=torch.float64))
        self.nearest = torch.full_like(self.norms, float("inf"), dtype=torch.float64)
        self.gains = self.nearest.clone()
        self.fresh = torch.zeros(len(features), dtype=torch.bool, device=features.device)
        for row in known.split(1) if len(known) else ():
            self._choose(row)

    def picks(self, n: int) -> Tensor:
        """Return the next ``n`` rows."""
        found = []
        for _ in range(n):
            # Where nothing is chosen, the distances to all rows add up to least for the row nearest to the mean.
            found.append(self.centre if bool(self.nearest[0].isinf()) else self._best())
            self._choose(found[-1])
        return torch.cat(found)

    def _best(self) -> Tensor:
        """Return the row ``[1]`` with the largest gain; where rounding leaves that open, gains are made exact."""
        count = _FEWEST
        while True:
            floor = self.gains.max() - self.slack
            stale = self.gains.masked_fill(self.fresh, float("-inf")).topk(min(count, len(self.gains)))
            if bool(stale.values[0] < floor):
                break
            likely = stale.indices[stale.values > float("-inf")]
            self.gains[likely] = self._gains(likely)
            self.fresh[likely] = True
            count = min(2 * count, _MOST)
        rivals = (self.gains >= floor).nonzero()[:_MOST, 0]
        return rivals[self._exact_gains(rivals).argmax()].reshape(1) if len(rivals) > 1 else rivals

    def _gains(self, rows: Tensor) -> Tensor:
        """Return what each of ``rows`` ``[m]`` would add, ``[m]`` ``float64``, from products in single precision."""
        few, half = self.features.take(rows), self.norms[rows].unsqueeze(1) / 2
        total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        for part in slices(self.features):
            # Half of m_i - d², with d² = |x_i|² + |x_j|² - 2 x_i x_j.
            room = (self.nearest[part] - self.norms[part]).to(half) / 2
            saved = few.products(self.features.part(part.start, part.stop))
            total += saved.add_(room).sub_(half).clamp_min_(0).sum(dim=1)
        return 2 * total

    def _exact_gains(self, rows: Tensor) -> Tensor:
        """Return what each of ``rows`` ``[m]`` would add, ``[m]``, in double precision throughout."""
        few = self.features.take(rows).vectors().double()
        half = few.square().sum(dim=1, keepdim=True) / 2
        total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        for part in slices(self.features):
            vectors = self.features.part(part.start, part.stop).vectors().double()
            room = (self.nearest[part] - vectors.square().sum(dim=1)) / 2
            total += (few @ vectors.T).add_(room).sub_(half).clamp_min_(0).sum(dim=1)
        return 2 * total

    def _choose(self, row: Tensor) -> None:
        """Take ``row`` ``[1]`` among the chosen; only distances that are close to being the least are made exact."""
        few, norm = self.features.take(row), self.norms[row]
        for part in slices(self.features):
            sums = self.norms[part] + norm
            gaps = sums - 2 * few.products(self.features.part(part.start, part.stop))[0]
            nearer = (gaps - 4 * self.features.rounding * sums <= self.nearest[part]).nonzero()[:, 0] + part.start
            exact = self.features.take(nearer).sq_gaps(self.features.take(row.expand(len(nearer))))
            self.nearest[nearer] = torch.minimum(self.nearest[nearer], exact)
        self.gains[row] = float("-inf")
        self.fresh[:] = False


def _central(features: Features) -> Tensor:
    """Return the row ``[1]`` that is nearest to the mean."""
    sums = [features.part(part.start, part.stop).vectors().sum(dim=0, dtype=torch.float64) for part in slices(features)]
    mean = (torch.stack(sums).sum(dim=0) / len(features)).to(features.dtype)
    everyone = torch.zeros(len(features), dtype=torch.int32, device=features.device)
    return own_gaps(features, mean.unsqueeze(0), everyone).argmin().reshape(1)
