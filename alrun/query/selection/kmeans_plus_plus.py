"""k-means++ seeding: every pick is drawn with probability proportional to its squared distance from those before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alrun.query.selection.distances import Distances
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.lazy import BLOCK

__all__ = ["kmeans_plus_plus"]


def kmeans_plus_plus(features: Tensor | Features, n: int, generator: torch.Generator) -> Tensor:
    """Return the draws of k-means++ seeding (Arthur and Vassilvitskii 2007, section 2.2); on gradients, BADGE's picks.

    Proposals are drawn from distances that are a few picks old and accepted with probability new over old distance,
    which is the same distribution; so all rows are passed over once for many picks. The first pick is uniform, as in
    the paper; BADGE's published code (Ash et al. 2020) takes the largest norm there. A row like one that is picked is
    not picked, until no other is left; then the rest is uniform. Extra memory is 20 bytes per row and some megabytes.

    Args:
        features: ``[N, d]`` floats, or features.
        n: How many to pick.
        generator: Where the draws come from, on any device.

    Returns:
        Rows ``[min(n, N)]`` ``int64`` in order of choice.

    Raises:
        StrategyError: When the features are not finite.
    """
    lazy = as_features(features)
    n = min(n, len(lazy))
    if n <= 0:
        return torch.zeros(0, dtype=torch.int64, device=lazy.device)
    first = torch.randint(len(lazy), (1,), generator=generator, device=generator.device).to(lazy.device)
    draws = _Draws(Distances(lazy), generator)
    picks, left = [first], n - 1
    while left > 0:
        draws.absorb(picks[-1])
        rows = draws.round(min(left, BLOCK))
        picks.append(rows)
        left -= len(rows)
        if not len(rows):
            picks.append(_rest(torch.cat(picks), len(lazy), left, generator))
            break
    return torch.cat(picks)


def _rest(picks: Tensor, count: int, n: int, generator: torch.Generator) -> Tensor:
    """Return ``n`` rows among ``count`` that are not in ``picks``, uniformly."""
    free = torch.ones(count, dtype=torch.bool, device=picks.device).index_fill_(0, picks, False).nonzero().squeeze(1)
    shuffled = torch.randperm(len(free), generator=generator, device=generator.device)[:n]
    return free[shuffled.to(free.device)]


class _Draws:
    """The distances to the nearest pick, and draws from them."""

    def __init__(self, distances: Distances, generator: torch.Generator) -> None:
        self.distances, self.generator = distances, generator
        self.nearest = torch.full_like(distances.sq_norms, torch.inf)

    def round(self, limit: int) -> Tensor:
        """Return up to ``limit`` picks, none if all rows are like one that is picked."""
        edges = self.nearest.cumsum(0, dtype=torch.float64)
        picks = edges.new_zeros(0, dtype=torch.int64)
        while float(edges[-1]) > 0 and len(picks) < limit:
            accepted = self._accepted(edges, picks, limit)
            picks = torch.cat([picks, accepted])
            if 8 * len(accepted) < limit:
                # The distances have grown too old to be worth more proposals.
                break
        return picks

    def _accepted(self, edges: Tensor, picks: Tensor, limit: int) -> Tensor:
        """Return those of ``limit`` proposals that are accepted after ``picks``, up to ``limit`` in all."""
        uniform = torch.rand(2, limit, dtype=torch.float64, generator=self.generator, device=self.generator.device)
        places, chances = uniform.to(edges.device)
        proposals = torch.searchsorted(edges, places * edges[-1], right=True).clamp_(max=len(edges) - 1)
        apart = self.distances.pairwise(torch.cat([picks, proposals]), proposals).cpu().numpy()
        stale = self.nearest[proposals].double().cpu().numpy()
        thresholds = chances.cpu().numpy() * stale
        now = np.minimum(stale, apart[: len(picks)].min(axis=0, initial=np.inf))
        accepted: list[int] = []
        for proposal, threshold in enumerate(thresholds):
            if threshold < now[proposal] and len(picks) + len(accepted) < limit:
                accepted.append(proposal)
                np.minimum(now, apart[len(picks) + proposal], out=now)
        return proposals[accepted]

    def absorb(self, rows: Tensor) -> None:
        """Lower the distances to those to ``rows``."""
        self.distances.lower(self.nearest, rows)
        self.nearest[rows] = 0
