"""Rows whose neighborhoods cover most of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, as_features, slices

__all__ = ["prob_cover"]

_BLOCK_ROWS = 128


def prob_cover(features: Tensor | Features, labeled: Tensor, n: int, radius: float) -> Tensor:
    """Return rows that cover, one after the other, most rows that are not covered yet.

    Yehuda et al. (2022), algorithm 1: a row covers those within ``radius`` of it; what labeled rows cover is covered
    from the start; each pick is the row that covers the most of the rest. Ties go to the lowest position, also when all
    rows are covered and every row adds nothing.

    The paper holds the graph of all pairs within the radius. Here a block of distances is made and dropped: once for
    the first counts, each pair once, and once more for the pairs of which one row becomes covered, when it does. So
    memory is 13 bytes per row and some 30 MiB for any radius, and time at most that of two products of all rows with
    all rows.

    Args:
        features: ``[N, d]``, or features that are not formed.
        labeled: Positions ``[L]`` ``int64`` of the rows that have labels.
        n: How many to pick.
        radius: Distance up to which a row is covered (the paper's delta); see ``purity_radius``.

    Returns:
        Positions ``[min(n, N - L)]`` ``int64``, in order of choice.

    Raises:
        ConfigError: The radius is negative or no number.
    """
    if not radius >= 0:
        raise ConfigError(Problem(f"invalid radius: {radius!r}", "query.*.radius", "query.*.radius=null estimates it"))
    rows = as_features(features)
    rows = rows.centered() if isinstance(rows, Dense) else rows
    n = min(n, len(rows) - len(labeled))
    if n <= 0:
        return torch.empty(0, dtype=torch.int64, device=rows.device)
    graph = _Graph(rows, float(radius))
    for few in labeled.split(_BLOCK_ROWS) if len(labeled) else ():
        graph.covered |= graph.covered_by(few)
    counts, picks = graph.counts(), []
    counts[labeled] = -1
    for _ in range(n):
        pick = counts.argmax().reshape(1)
        picks.append(pick)
        fresh = (graph.covered_by(pick) & ~graph.covered).nonzero()[:, 0]
        graph.covered[fresh] = True
        for few in fresh.split(_BLOCK_ROWS) if len(fresh) else ():
            graph.discount(counts, few)
        counts[pick] = -1
    return torch.cat(picks)


class _Graph:
    """Which rows are within the radius of which, a block at a time.

    Attributes:
        covered: Rows that something chosen covers, ``[N]``.
        limits: Half of ``|x|² - radius² / 2``: two rows are neighbours where their product is at least the sum.
    """

    def __init__(self, features: Features, radius: float) -> None:
        self.features = features
        self.limits = (features.sq_norms() - radius * radius / 2) / 2
        self.covered = torch.zeros(len(features), dtype=torch.bool, device=features.device)

    def covered_by(self, few: Tensor) -> Tensor:
        """Return which rows are within the radius of one of ``few`` ``[m]``, ``[N]``; a row is so of itself."""
        found, taken = torch.zeros_like(self.covered), self.features.take(few)
        for part in slices(self.features):
            found[part] = self._near(taken, self.limits[few], part).amax(dim=0) > 0
        found[few] = True
        return found

    def counts(self) -> Tensor:
        """Return how many rows that are not covered each row would cover, ``[N]``."""
        counts, open_rows = torch.zeros_like(self.limits), (~self.covered).to(self.limits)
        for start in range(0, len(self.features), _BLOCK_ROWS):
            stop = min(start + _BLOCK_ROWS, len(self.features))
            few = self.features.part(start, stop)
            for part in slices(self.features.part(start, len(self.features))):
                there = slice(start + part.start, start + part.stop)
                near = self._near(few, self.limits[start:stop], there)
                if there.start == start:
                    near[:, : stop - start].fill_diagonal_(1)
                counts[start:stop] += near @ open_rows[there]
                later = slice(max(there.start, stop), there.stop)
                counts[later] += open_rows[start:stop] @ near[:, later.start - there.start :]
        return counts

    def discount(self, counts: Tensor, few: Tensor) -> None:
        """Take ``few`` ``[m]``, covered from now on, off the ``counts`` of all rows near them."""
        taken = self.features.take(few)
        for part in slices(self.features):
            counts[part] -= self._near(taken, self.limits[few], part).sum(dim=0)

    def _near(self, few: Features, limits: Tensor, part: slice) -> Tensor:
        """Return 1 where a row of ``few`` and one of ``part`` are within the radius, else 0, ``[m, p]`` floats."""
        products = few.products(self.features.part(part.start, part.stop))
        return products.sub_(limits.unsqueeze(1)).ge_(self.limits[part])
