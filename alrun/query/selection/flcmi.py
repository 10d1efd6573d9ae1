"""Conditional mutual information of facility location: rows like the labeled ones, and unlike the unknown ones."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.arguments import number_problems, raise_any
from alrun.query.selection.features import Features, as_features, slices

__all__ = ["flcmi"]

_BLOCK_ROWS = 128
_RENEWED = 32


def flcmi(
    features: Tensor | Features,
    n: int,
    *,
    labeled: Tensor,
    unknown: Tensor,
    eta: float = 1.0,
    nu: float = 1.0,
) -> Tensor:
    """Return rows that share most with the labeled rows, beyond what they share with the unknown ones.

    SIMILAR (Kothawade et al. 2021, "SIMILAR: Submodular information measures based active learning in realistic
    scenarios", arXiv:2107.00717, table 1, FLCMI): greedily, the set ``A`` of the pool ``U`` with the largest

        sum_{i in U} max(min(max_{j in A} s(i, j), eta * max_{j in Q} s(i, j)) - nu * max_{j in P} s(i, j), 0)

    where the query set ``Q`` are the labeled rows, the conditioning set ``P`` those that were bought and are of no
    class, and ``s`` is the cosine of two rows. Gains only fall (Minoux 1978), so that a few are renewed after a pick.

    Deviations: a negative cosine counts as 0, which only matters for ``Q`` and ``P``. As soon as no row adds anything,
    the rest is filled by ``eta * max_Q s - nu * max_P s``, highest first, where the authors' library takes whatever
    comes first. The picks are those of the plain greedy algorithm up to rounding in single precision.

    Time ``O(N² D)``; memory for some 40 bytes per row and one block of similarities.

    Args:
        features: ``[N, d]``, or features that are not formed.
        n: How many to pick.
        labeled: Positions ``[L]`` ``int64`` of the rows that are labeled with a class; never picked.
        unknown: Positions ``[U]`` ``int64`` of the rows that are labeled as of no class; never picked.
        eta: How much the labeled rows count, 0 or more.
        nu: How hard the unknown ones are kept off, 0 or more.

    Returns:
        Positions ``[min(n, N - L - U)]`` ``int64``, in order of choice; ties up to rounding: the lowest.

    Raises:
        ConfigError: ``eta`` or ``nu`` is not a finite number of 0 or more.
    """
    for name, value in (("eta", eta), ("nu", nu)):
        raise_any(number_problems(f"query.*.selector.{name}", value, f"query.*.selector.{name}=1"))
    rows = as_features(features)
    return _Search(rows, labeled.to(rows.device), unknown.to(rows.device), eta, nu).picks(n)


class _Search:
    """What is known of each row while rows are picked.

    Attributes:
        caps: ``eta`` times the similarity to the nearest labeled row, ``[N]``; 0 for rows that are in no pool.
        covered: The larger of ``nu`` times that to the nearest unknown row and that to the nearest picked one, ``[N]``.
        liking: By how much the first is more than the second, before anything is picked, ``[N]``.
        gains: What each row would add ``[N]`` ``float64``, or added when it was last looked at; minus infinity where it
            is labeled or picked.
        fresh: Whether a gain is that of now, ``[N]``.
    """

    def __init__(self, rows: Features, labeled: Tensor, unknown: Tensor, eta: float, nu: float) -> None:
        self.rows = rows
        norms = rows.sq_norms().sqrt()
        self.scale = torch.where(norms > 0, 1 / norms, 0.0)
        self.caps, self.covered = eta * self._nearest(labeled), nu * self._nearest(unknown)
        self.liking = self.caps - self.covered
        taken = torch.cat([labeled, unknown])
        self.caps[taken] = 0
        self.gains = torch.full((len(rows),), float("-inf"), dtype=torch.float64, device=rows.device)
        free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        free[taken] = False
        for few in free.nonzero()[:, 0].split(_BLOCK_ROWS):
            self.gains[few] = self._gains(few)
        self.fresh = free

    def picks(self, n: int) -> Tensor:
        """Return the next ``n`` rows, or as many as there are."""
        found: list[Tensor] = [torch.empty(0, dtype=torch.int64, device=self.rows.device)]
        for left in range(min(n, int(self.gains.isfinite().sum())), 0, -1):
            best = self._best()
            if float(self.gains[best]) <= 0:
                found.append(self._most_liked(left))
                break
            found.append(best)
            self._cover(best)
        return torch.cat(found)

    def _nearest(self, group: Tensor) -> Tensor:
        """Return the similarity of each row to the nearest of ``group`` ``[m]``, ``[N]``; 0 where there is none."""
        nearest = torch.zeros_like(self.scale)
        for few in group.split(_BLOCK_ROWS) if len(group) else ():
            for part in slices(self.rows, len(few)):
                nearest[part] = torch.maximum(nearest[part], self._similarities(part, few).amax(dim=1))
        return nearest

    def _similarities(self, part: slice, few: Tensor) -> Tensor:
        """Return the cosines ``[p, m]`` of the rows of ``part`` with the rows ``few`` ``[m]``."""
        products = self.rows.part(part.start, part.stop).products(self.rows.take(few))
        return products.mul_(self.scale[part].unsqueeze(1)).mul_(self.scale[few])

    def _gains(self, few: Tensor) -> Tensor:
        """Return what each of the rows ``few`` ``[m]`` would add, ``[m]`` ``float64``."""
        total = torch.zeros(len(few), dtype=torch.float64, device=few.device)
        for part in slices(self.rows, len(few)):
            if bool((self.caps[part] > self.covered[part]).any()):
                shared = self._similarities(part, few).minimum(self.caps[part].unsqueeze(1))
                total += shared.sub_(self.covered[part].unsqueeze(1)).clamp_min_(0).sum(dim=0, dtype=torch.float64)
        return total

    def _best(self) -> Tensor:
        """Return the row ``[1]`` with the largest gain."""
        while True:
            top = self.gains.topk(min(_RENEWED, len(self.gains))).indices
            stale = top[~self.fresh[top] & self.gains[top].isfinite()]
            first = (self.gains == self.gains.max()).nonzero()[0]
            if bool(self.fresh[first]) or len(stale) == 0:
                return first
            self.gains[stale] = self._gains(stale)
            self.fresh[stale] = True

    def _cover(self, row: Tensor) -> None:
        for part in slices(self.rows):
            self.covered[part] = torch.maximum(self.covered[part], self._similarities(part, row)[:, 0])
        self.gains[row] = float("-inf")
        self.fresh[:] = False

    def _most_liked(self, n: int) -> Tensor:
        liking = self.liking.masked_fill(~self.gains.isfinite(), float("-inf"))
        return liking.argsort(descending=True, stable=True)[:n]
