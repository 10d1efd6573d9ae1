"""Purity radius: the largest radius within which most neighbors of a row have its class."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.lloyd import fit_centers, nearest_centers

__all__ = ["purity_radius"]

_ASKED = 2048
_AT_ONCE = 128


def purity_radius(
    features: Tensor | Features, classes: int, *, purity: float = 0.95, generator: torch.Generator | None = None
) -> float:
    """Return the largest radius at which the share ``purity`` of the balls around rows hold one cluster alone.

    Yehuda et al. (2022): k-means with as many clusters as there are classes stands in for the labels. The
    paper tries radii on a grid; here the share is known for all of them from each row's distance to the nearest row of
    another cluster, of which the radius is a quantile. It is taken over 2,048 rows drawn at random, against all rows.

    Args:
        features: ``[N, d]`` with ``N >= 2``, or features that are not formed.
        classes: Number of clusters, at least 2.
        purity: The paper's alpha, above 0 and below 1.
        generator: Of the clustering and the draw; ``None`` for one with seed 0.

    Raises:
        ConfigError: ``classes`` or ``purity`` is out of range.
    """
    if classes < 2 or not 0 < purity < 1:
        what = f"a radius cannot be estimated for {classes} classes and purity {purity}"
        raise ConfigError(
            Problem(what, "query.*.radius", "query.*.radius=0.5, or classes >= 2 and query.*.purity=0.95")
        )
    rows = as_features(features)
    rows = rows.centered() if isinstance(rows, Dense) else rows
    generator = generator or torch.Generator().manual_seed(0)
    clusters = nearest_centers(rows, fit_centers(rows, min(classes, len(rows)), generator))
    asked = torch.randperm(len(rows), generator=generator)[:_ASKED].to(rows.device)
    norms = rows.sq_norms()
    gaps = torch.cat([_gaps_to_others(rows, norms, clusters, few) for few in asked.split(_AT_ONCE)]).sort().values
    impure = gaps[int((1 - purity) * len(gaps) + 1e-9)]
    # The balls are closed: at the distance itself the other row would be inside.
    return float(torch.nextafter(impure, torch.zeros_like(impure)))


def _gaps_to_others(features: Features, norms: Tensor, clusters: Tensor, few: Tensor) -> Tensor:
    """Return the distance of each row of ``few`` ``[m]`` to the nearest row of another cluster, ``[m]``."""
    taken = features.take(few)
    least = torch.full_like(norms[few], float("inf"))
    for part in slices(features):
        gaps = taken.products(features.part(part.start, part.stop)).mul_(-2).add_(norms[part])
        gaps.masked_fill_(clusters[few].unsqueeze(1) == clusters[part], float("inf"))
        least = torch.minimum(least, gaps.amin(dim=1))
    return (least + norms[few]).clamp_min_(0).sqrt()
