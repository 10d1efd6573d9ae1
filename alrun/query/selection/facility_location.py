"""Greedy facility location: rows that represent all others."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.lloyd import own_gaps, width
from alrun.query.selection.pair_gains import Savings

__all__ = ["facility_location"]

_FEWEST, _MOST = 32, 128
_COPIED_VALUES = 1 << 24
_PAIRS = 1 << 23
_AT_ONCE = 8


def facility_location(features: Tensor | Features, n: int, *, labeled: Tensor | None = None) -> Tensor:
    """Return rows that, with the labeled ones, are most similar to all rows, by lazy greedy search.

    Each pick adds most to ``sum_i max_j s(i, j)`` over the rows ``j`` chosen so far, labeled ones among them, with the
    similarity ``s(i, j) = max d² - d(i, j)²`` (Wei, Iyer and Bilmes 2015; the similarity is that of
    apricot's ``euclidean``). So a pick's gain is ``sum_i max(0, m_i - d(i, j)²)``, where ``m_i`` is the squared
    distance to the nearest row chosen so far, and the first pick without labeled rows is the row nearest to the mean.
    Gains only fall (Minoux 1978): a candidate is chosen as soon as its gain is fresh and no old gain is larger. As soon
    as few pairs of rows matter (``d² < m_i``), they are kept, and with them all gains are fresh. The picks are those of
    the plain greedy algorithm: gains are made in single precision, and again from differences in double precision where
    that leaves open which is the largest.

    Time ``O(N² D)`` for the first gains and ``O(N D)`` for each that is renewed; memory for 36 bytes per row and, for
    pairs, up to 64 MiB: similarities are made in blocks and dropped. Matrices of up to 64 MiB are copied once, to take
    their mean off.

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
        self.center = _central(features)
        if isinstance(features, Dense) and features.matrix.numel() <= _COPIED_VALUES:
            # Relative to a row in the middle norms are small, and so is what distances lose to rounding.
            features = Dense(features.vectors() - features.take(self.center).vectors())
        self.features, self.norms = features, features.sq_norms()
        self.slack = torch.finfo(features.dtype).eps * float(self.norms.sum(dtype=torch.float64))
        self.nearest = torch.full_like(self.norms, float("inf"), dtype=torch.float64)
        self.gains = self.nearest.clone()
        self.fresh = torch.zeros(len(features), dtype=torch.bool, device=features.device)
        self.savings: Savings | None = None
        self.chosen, self.next_try = 0, 1
        for row in known.split(1) if len(known) else ():
            self._choose(row)

    def picks(self, n: int) -> Tensor:
        """Return the next ``n`` rows."""
        found: list[Tensor] = []
        for left in range(n, 0, -1):
            self._try_savings(left)
            # Where nothing is chosen, the distances to all rows add up to least for the row nearest to the mean.
            found.append(self._best() if self.chosen else self.center)
            self._choose(found[-1])
        return torch.cat(found)

    def _try_savings(self, left: int) -> None:
        """Keep all gains up to date from now on where the pairs that matter are few and ``left`` picks make it pay."""
        if self.savings is not None or self.chosen < self.next_try:
            return
        self.next_try = 2 * self.chosen
        if bool(self.gains.isinf().all()) or left * _FEWEST > len(self.features):
            # A pair costs about what a product of 64 columns more does, each time that it is looked at.
            most = min(_PAIRS, (width(self.features) + 64) * len(self.features))
            self.savings = Savings.made(self.features, self.norms, self.nearest, most)
            self._take_gains()

    def _take_gains(self) -> None:
        if self.savings is not None:
            self.gains = torch.where(self.gains == float("-inf"), self.gains, self.savings.gains)
            self.fresh[:] = True

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
        if len(rivals) == 1:
            return rivals
        exact = torch.cat([self._exact_gains(few) for few in rivals.split(_AT_ONCE)])
        return rivals[exact.argmax()].reshape(1)

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
        """Return what each of ``rows`` ``[m]`` would add, ``[m]``; distances that count are from differences."""
        total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        for part in slices(self.features):
            few, sums = self.features.take(rows), self.norms[rows].unsqueeze(1) + self.norms[part]
            gaps = sums - 2 * few.products(self.features.part(part.start, part.stop))
            which, there = (gaps - 4 * self.features.rounding * sums <= self.nearest[part]).nonzero().unbind(dim=1)
            there = there + part.start
            exact = self.features.take(there).sq_gaps(self.features.take(rows[which]))
            total.index_add_(0, which, (self.nearest[there] - exact).clamp_min_(0))
        return total

    def _choose(self, row: Tensor) -> None:
        """Take ``row`` ``[1]`` among the chosen; only distances that are close to being the least are made exact."""
        few, norm, before = self.features.take(row), self.norms[row], self.nearest.clone()
        for part in slices(self.features):
            sums = self.norms[part] + norm
            gaps = sums - 2 * few.products(self.features.part(part.start, part.stop))[0]
            nearer = (gaps - 4 * self.features.rounding * sums <= self.nearest[part]).nonzero()[:, 0] + part.start
            exact = self.features.take(nearer).sq_gaps(self.features.take(row.expand(len(nearer))))
            self.nearest[nearer] = torch.minimum(self.nearest[nearer], exact)
        self.gains[row], self.chosen = float("-inf"), self.chosen + 1
        self.fresh[:] = False
        if self.savings is not None:
            changed = (self.nearest < before).nonzero()[:, 0]
            self.savings.update(changed, (before - self.nearest)[changed])
            self._take_gains()


def _central(features: Features) -> Tensor:
    """Return the row ``[1]`` that is nearest to the mean."""
    sums = [features.part(part.start, part.stop).vectors().sum(dim=0, dtype=torch.float64) for part in slices(features)]
    mean = (torch.stack(sums).sum(dim=0) / len(features)).to(features.dtype)
    everyone = torch.zeros(len(features), dtype=torch.int32, device=features.device)
    return own_gaps(features, mean.unsqueeze(0), everyone).argmin().reshape(1)
