"""Largest cluster, maximum distance: the farthest row of the cluster with the largest sum of squared distances."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.checks import checked_labeled
from alrun.query.selection.clusters import Clusters
from alrun.query.selection.distances import Distances
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.k_center import farthest_from_origin
from alrun.query.selection.lcmd_guess import forecast

__all__ = ["lcmd"]

BUFFER, FEWEST, MOST, WORTHWHILE = 1 << 24, 8, 32, 30_000_000


def lcmd(features: Tensor | Features, labeled: Tensor, n: int) -> Tensor:
    """Return the picks of LCMD (Holzmüller et al. 2023, section 4.3 and appendix, squared distances as weights).

    Every row belongs to its nearest center, a labeled or picked row. With nothing labeled the first pick is the row
    with the largest norm. Distances are computed at once for many rows that are likely to be picked, and used for those
    that are; so the picks are those of the plain algorithm. Extra memory is 24 bytes per row and a buffer up to 64 MB,
    or of 32 bytes per row where that is more.

    Args:
        features: ``[N, d]`` floats, or features.
        labeled: Rows ``[L]`` ``int64`` that are centers from the start.
        n: How many to pick.

    Returns:
        Rows ``[min(n, N - L)]`` ``int64`` in order of choice. Clusters of equal weight count as one; of rows equally
        far the first is picked. Once every row is like a center, the first rows left.

    Raises:
        ConfigError: When ``labeled`` names rows that are not there, or one twice.
        StrategyError: When the features are not finite.
    """
    lazy = as_features(features)
    labeled = checked_labeled(labeled, len(lazy), lazy.device)
    n = min(n, len(lazy) - len(labeled))
    if n <= 0:
        return labeled.new_empty(0)
    clusters = Clusters(Distances(lazy))
    # Of few rows, or for few picks, a column costs less than the guess at which columns are wanted.
    size = min(max(BUFFER // len(lazy), FEWEST), MOST, len(lazy)) if len(lazy) * n > WORTHWHILE else 1
    columns = _Columns(clusters, size)
    for block in labeled.split(columns.size) if len(labeled) else ():
        for row, column in zip(block.tolist(), columns.fill(block), strict=True):
            clusters.split(row, column)
    while len(clusters.centers) < len(labeled) + n:
        pick = clusters.farthest() if clusters.centers else int(farthest_from_origin(clusters.distances))
        if pick is None:
            break
        clusters.split(pick, columns.of(pick))
    picks = torch.tensor(clusters.centers[len(labeled) :], dtype=torch.int64, device=lazy.device)
    rest = torch.ones(len(lazy), dtype=torch.bool, device=lazy.device)
    rest[labeled] = rest[picks] = False
    return torch.cat([picks, rest.nonzero().squeeze(1)[: n - len(picks)]])


class _Columns:
    """Distances of all rows to those that may be picked soon."""

    def __init__(self, clusters: Clusters, size: int) -> None:
        self.clusters, self.size = clusters, size
        like = clusters.distances.sq_norms
        self.buffer = torch.empty(size, len(like), dtype=like.dtype, device=like.device)
        self.slots: dict[int, int] = {}

    def of(self, row: int) -> Tensor:
        """Return the distances ``[N]`` to ``row``, which is a center from then on."""
        if row not in self.slots:
            self._renew(row)
        return self.buffer[self.slots.pop(row)]

    def fill(self, rows: Tensor) -> Tensor:
        """Return the distances ``[m, N]`` to ``rows`` ``[m]``; what was kept is lost."""
        self.slots.clear()
        self.clusters.distances.columns(rows, self.buffer, list(range(len(rows))))
        return self.buffer[: len(rows)]

    def _renew(self, row: int) -> None:
        """Compute the columns of ``row`` and of what may be next, and forget those that may not."""
        guessed = forecast(self.clusters, self.size) if self.clusters.centers and self.size > 1 else []
        wanted = dict.fromkeys([row, *guessed])
        wanted = dict.fromkeys(list(wanted)[: self.size])
        self.slots = {kept: slot for kept, slot in self.slots.items() if kept in wanted}
        free = sorted(set(range(self.size)) - set(self.slots.values()))
        fresh = [other for other in wanted if other not in self.slots]
        self.slots |= dict(zip(fresh, free, strict=False))
        rows = torch.tensor(fresh, dtype=torch.int64, device=self.buffer.device)
        self.clusters.distances.columns(rows, self.buffer, [self.slots[other] for other in fresh])
