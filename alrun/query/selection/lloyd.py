"""k-means by Lloyd's iterations on a sample of the rows, and the nearest center of every row; both in chunks."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from alrun.query.selection.features import Features, as_features
from alrun.query.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.query.selection.rowwise import argmin_rows, grouped

__all__ = ["chunks", "fit_centers", "nearest_centers", "own_gaps", "width"]

_CHUNK_VALUES, _DEVICE_CHUNK_VALUES = 1 << 19, 1 << 25
_SAMPLE_VALUES = 1 << 24
_MOST_ROWS, _FEWEST_ROWS = 256, 32


def fit_centers(
    features: Features,
    k: int,
    generator: torch.Generator,
    *,
    weights: Tensor | None = None,
    iterations: int = 20,
    tolerance: float = 2e-3,
) -> Tensor:
    """Return ``k`` centers of k-means (Lloyd 1982), seeded by k-means++ (Arthur and Vassilvitskii 2007).

    They are fitted to a uniform sample of at most 256 rows per center, fewer (down to 32) where those would take more
    than 64 MiB, so that the cost of the fit does not grow with ``N``. A center that no row is nearest to stays where it
    is. The seeds are drawn without regard to ``weights``.

    Args:
        features: ``N`` rows.
        k: Number of centers, from 1 to ``N``.
        generator: Of the sample and of the seeds, on the CPU.
        weights: How much each row counts, ``[N]`` floats, none negative; ``None`` for all alike.
        iterations: At most so many.
        tolerance: Stop when the sum of the squared distances has shrunk by less than this share of itself.

    Returns:
        ``[k, D]`` in the features' dtype.
    """
    rows = _drawn(len(features), k, _SAMPLE_VALUES // width(features), generator)
    vectors = features.take(rows.to(features.device)).vectors()
    middle = vectors.mean(dim=0)
    vectors -= middle
    mass = None if weights is None else weights.to(vectors)[rows.to(vectors.device)]
    few = _drawn(len(vectors), k, 0, generator).to(vectors.device)
    centers = vectors[few][kmeans_plus_plus(vectors[few], k, generator)]
    if len(few) < len(vectors):
        centers = _descended(vectors[few], centers, None if mass is None else mass[few], iterations, 4 * tolerance)
    return _descended(vectors, centers, mass, iterations, tolerance) + middle


def _descended(vectors: Tensor, centers: Tensor, mass: Tensor | None, iterations: int, tolerance: float) -> Tensor:
    """Return ``centers`` after Lloyd's iterations on ``vectors``."""
    before, norms = float("inf"), as_features(vectors).sq_norms()
    labels, gaps = torch.empty(len(vectors), dtype=torch.int64, device=vectors.device), torch.empty_like(norms)
    for _ in range(iterations):
        for part in _slices(len(vectors), len(centers), vectors.device):
            labels[part], gaps[part] = _nearest(vectors[part], centers)
        gaps.add_(norms).clamp_min_(0)
        inertia = float((gaps if mass is None else gaps * mass).sum(dtype=torch.float64))
        if inertia >= (1 - tolerance) * before:
            break
        before, centers = inertia, _means(vectors, labels, centers, mass)
    return centers


def nearest_centers(features: Features, centers: Tensor) -> Tensor:
    """Return the number of the center ``[k, D]`` that is nearest to each row, ``[N]`` ``int32``; ties: the first."""
    middle = centers.mean(dim=0)
    labels = torch.empty(len(features), dtype=torch.int32, device=features.device)
    for chunk in chunks(features, len(centers)):
        # Without their common offset, small distances do not drown in the rounding of large norms.
        vectors = features.part(chunk.start, chunk.stop).vectors() - middle
        labels[chunk] = _nearest(vectors, centers - middle)[0]
    return labels


def own_gaps(features: Features, centers: Tensor, labels: Tensor) -> Tensor:
    """Return the squared distance ``[N]`` of each row to its own center ``centers[labels]``, from differences."""
    gaps = torch.empty(len(features), dtype=features.dtype, device=features.device)
    for chunk in chunks(features, centers.shape[1]):
        vectors = features.part(chunk.start, chunk.stop).vectors()
        gaps[chunk] = (vectors - centers[labels[chunk]]).square_().sum(dim=1)
    return gaps


def chunks(features: Features, columns: int) -> Iterator[slice]:
    """Yield slices of all rows such that ``columns`` numbers for each row of one, and its vectors, are few to hold."""
    return _slices(len(features), max(columns, width(features)), features.device)


def width(features: Features) -> int:
    """Return the number of dimensions ``D``."""
    return features.part(0, 1).vectors().shape[1]


def _slices(rows: int, columns: int, device: torch.device) -> Iterator[slice]:
    step = max(1, (_CHUNK_VALUES if device.type == "cpu" else _DEVICE_CHUNK_VALUES) // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _drawn(rows: int, k: int, affordable: int, generator: torch.Generator) -> Tensor:
    """Return random row numbers, ascending: as many as are ``affordable``, but 32 to 256 per center, or all."""
    most = max(_FEWEST_ROWS * k, min(_MOST_ROWS * k, affordable))
    return torch.arange(rows) if most >= rows else torch.randperm(rows, generator=generator)[:most].sort().values


def _nearest(vectors: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest of ``centers`` to each of ``vectors`` ``[m, D]``, and its squared distance less their norm."""
    scores = torch.addmm(centers.square().sum(dim=1), vectors, centers.T, alpha=-2)
    labels = argmin_rows(scores)
    return labels, scores.gather(1, labels.unsqueeze(1)).squeeze(1)


def _means(vectors: Tensor, labels: Tensor, centers: Tensor, mass: Tensor | None) -> Tensor:
    """Return the mean of each center's rows; added up in order of their rows, whatever the number of threads."""
    order, counts = grouped(labels, len(centers))
    share = None if mass is None else mass[order]
    starts = counts.cumsum(0) - counts
    sums = functional.embedding_bag(order, vectors, starts, mode="sum", per_sample_weights=share)
    total = counts.to(vectors) if mass is None else torch.zeros_like(centers[:, 0]).index_add_(0, labels, mass)
    held = (total > 0).unsqueeze(1)
    return torch.where(held, sums / torch.where(held, total.unsqueeze(1), 1.0), centers)
