"""Greedy generalized coverage: rows whose Gaussian kernel covers most of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.gaussian_kernel import GaussianKernel

__all__ = ["herding"]

_BLOCK_ROWS = 128
_FEWEST, _MOST = 32, 128
_CERTAINTY = 8
_DOUBLE = 1e-10


def herding(
    features: Tensor | Features,
    labeled: Tensor,
    n: int,
    *,
    radius: float = 1.0,
    normalize: bool = True,
    weights: Tensor | None = None,
) -> Tensor:
    """Return rows that add most, one after the other, to the (weighted) coverage of all rows by a Gaussian kernel.

    MaxHerding (Bae, Noh and Sutherland 2024, "Generalized coverage for more robust low-budget active learning",
    algorithm 1): the coverage is ``sum_i w_i max_j k(i, j)`` over the rows ``j`` that are labeled or picked, with
    ``k(i, j) = exp(-d(i, j)² / radius²)`` on features of unit length. With the uncertainty of each row as its weight,
    Uncertainty Herding (Bae, Oliveira and Sutherland 2025, algorithm 1).

    The authors hold the kernel matrix. Here ``m_i``, the largest kernel value of each row, is held, and gains
    ``sum_i w_i max(0, k(i, j) - m_i)`` are made in blocks and dropped. Gains only fall (Minoux 1978), so that a few are
    renewed after a pick, those whose old gain leaves open whether they are the best; or all of them are brought up to
    date, from the rows alone whose ``m_i`` has changed, where that is less work. The picks are those of the plain
    greedy algorithm: where rounding leaves open which gain is the largest, gains are made again, in double precision
    and at last from differences. The authors look at a random subset of 35,000 rows; here it is all of them.

    Time ``O(N² D)`` for the first gains and at most some ``O(N² D / k)`` for the pick with the number ``k``; memory for
    60 bytes per row and some 20 MB.

    Args:
        features: ``[N, d]``, or features that are not formed.
        labeled: Positions ``[L]`` ``int64`` of the rows that have labels.
        n: How many to pick.
        radius: Distance at which the kernel has fallen to ``1 / e`` (the papers' sigma).
        normalize: Whether rows are scaled to unit length first, as in the papers.
        weights: How much each row counts, ``[N]`` floats, none negative; ``None`` for all alike.

    Returns:
        Positions ``[min(n, N - L)]`` ``int64``, in order of choice; ties: the lowest.

    Raises:
        ConfigError: The radius is not positive.
    """
    if not 0 < radius < float("inf"):
        raise ConfigError(Problem(f"invalid radius: {radius!r}", "query.*.radius", "query.*.radius=1"))
    rows = as_features(features)
    n = min(n, len(rows) - len(labeled))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    return _Search(GaussianKernel(rows, radius, normalize=normalize), labeled.to(rows.device), weights).picks(n)


class _Search:
    """What is known of each row while rows are picked.

    Attributes:
        weights: Of the rows, ``[N]`` in the kernel's dtype.
        covered: The largest kernel value with a row that is labeled or picked, ``[N]`` ``float64``.
        gains: What each row would add ``[N]`` ``float64``, or added when it was last looked at; minus infinity where it
            is labeled or picked.
        fresh: Whether a gain is that of now, ``[N]``.
        before: What ``covered`` was when all gains were up to date, and ``then`` what these were.
        slack: How far gains may be off.
    """

    def __init__(self, kernel: GaussianKernel, labeled: Tensor, weights: Tensor | None) -> None:
        self.kernel = kernel
        ones = torch.ones(len(kernel), dtype=kernel.dtype, device=kernel.device)
        self.weights = ones if weights is None else weights.to(ones)
        # Errors of the terms of a sum add up like a random walk.
        spread = float(self.weights.double().square().sum().sqrt())
        self.slack = _CERTAINTY * kernel.rounding * spread + torch.finfo(torch.float64).tiny
        self.covered = torch.zeros_like(self.weights, dtype=torch.float64)
        for few in labeled.split(_BLOCK_ROWS) if len(labeled) else ():
            for part in slices(kernel.features):
                values = kernel.between(few, part, wide=True).amax(dim=1)
                self.covered[part] = torch.maximum(self.covered[part], values)
        self.gains = self._all_gains()
        self.gains[labeled] = float("-inf")
        self.fresh = torch.ones(len(kernel), dtype=torch.bool, device=kernel.device)
        self.before, self.then = self.covered.clone(), self.gains.clone()

    def picks(self, n: int) -> Tensor:
        """Return the next ``n`` rows."""
        found: list[Tensor] = []
        for _ in range(n):
            found.append(self._best())
            self._cover(found[-1])
        return torch.cat(found)

    def _all_gains(self) -> Tensor:
        """Return what each row would add, ``[N]``; the kernel of each pair of rows is made once."""
        gains = torch.zeros(len(self.kernel), dtype=torch.float64, device=self.kernel.device)
        covered = self.covered.to(self.weights)
        for start in range(0, len(gains), _BLOCK_ROWS):
            few = torch.arange(start, min(start + _BLOCK_ROWS, len(gains)), device=gains.device)
            stop = start + len(few)
            for part in slices(self.kernel.features.part(start, len(gains)), _BLOCK_ROWS):
                there = slice(start + part.start, start + part.stop)
                values = self.kernel.between(few, there)
                later = slice(max(there.start, stop), there.stop)
                added = (values[later.start - there.start :] - covered[few]).clamp_min_(0)
                gains[later] += (added @ self.weights[few]).double()
                gains[few] += (self.weights[there] @ values.sub_(covered[there].unsqueeze(1)).clamp_min_(0)).double()
        return gains

    def _gains(self, rows: Tensor, *, wide: bool = False) -> Tensor:
        """Return what each of ``rows`` ``[m]`` would add, ``[m]`` ``float64``; computed so where ``wide``."""
        total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        weights = self.weights.double() if wide else self.weights
        covered = self.covered.to(weights)
        for part in slices(self.kernel.features, _FEWEST):
            added = self.kernel.between(rows, part, wide=wide).sub_(covered[part].unsqueeze(1)).clamp_min_(0)
            total += (weights[part] @ added).double()
        return total

    def _update(self, changed: Tensor) -> None:
        """Bring all gains up to date; the rows that cover more than ``before`` are ``changed`` ``[m]``."""
        for few in changed.split(_BLOCK_ROWS):
            before, weights = self.before[few].to(self.weights), self.weights[few]
            most = self.covered[few].to(self.weights) - before
            for part in slices(self.kernel.features, _BLOCK_ROWS):
                lost = self.kernel.between(few, part).sub_(before).clamp_min_(0)
                self.then[part] -= (torch.minimum(lost, most, out=lost) @ weights).double()
        self.before[changed] = self.covered[changed]
        self.gains = torch.where(self.gains == float("-inf"), self.gains, self.then)
        self.fresh[:] = True

    def _best(self) -> Tensor:
        """Return the row ``[1]`` with the largest gain; where rounding leaves that open, gains are made exact."""
        changed = (self.covered > self.before).nonzero()[:, 0]
        renewed, count = 0, _FEWEST
        while True:
            floor = self.gains.max() - self.slack
            stale = self.gains.masked_fill(self.fresh, float("-inf")).topk(min(count, len(self.gains)))
            if bool(stale.values[0] < floor) or bool(stale.values[0] == float("-inf")):
                break
            if renewed > len(changed) // 2:
                self._update(changed)
                continue
            likely = stale.indices[stale.values > float("-inf")]
            self.gains[likely] = self._gains(likely)
            self.fresh[likely] = True
            renewed, count = renewed + count, min(2 * count, _MOST)
        rivals = (self.gains >= floor).nonzero()[:_MOST, 0]
        if len(rivals) == 1:
            return rivals
        closer = self._gains(rivals, wide=True)
        rivals = rivals[closer >= closer.max() * (1 - _DOUBLE)]
        return rivals if len(rivals) == 1 else rivals[self._exact_gains(rivals).argmax()].reshape(1)

    def _exact_gains(self, rows: Tensor) -> Tensor:
        """Return what each of ``rows`` ``[m]`` would add, ``[m]``, from differences: the same for rows that are."""
        total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        for part in slices(self.kernel.features, _FEWEST):
            there = torch.arange(part.start, part.stop, device=rows.device)
            for place, row in enumerate(rows.split(1)):
                added = (self.kernel.exact(there, row) - self.covered[part]).clamp_min_(0)
                total[place] += (added * self.weights[part]).sum()
        return total

    def _cover(self, row: Tensor) -> None:
        """Take ``row`` ``[1]`` among the picked; only kernel values that may be the largest are made exact."""
        for part in slices(self.kernel.features):
            values = self.kernel.between(row, part)[:, 0]
            likely = (values + 2 * self.kernel.rounding >= self.covered[part]).nonzero()[:, 0] + part.start
            self.covered[likely] = torch.maximum(self.covered[likely], self.kernel.exact(likely, row))
        self.gains[row] = float("-inf")
        self.fresh[:] = False
