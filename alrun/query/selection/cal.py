"""Contrastive acquisition: rows whose prediction differs from that of their labeled neighbors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.top_k import top_k

__all__ = ["cal", "contrast", "nearest_labeled"]

LABELED_SLICE, GROUPED = 4096, 16


def nearest_labeled(rows: Features, labeled: Features, k: int) -> Tensor:
    """Return which ``k`` of ``labeled`` lie nearest to each of ``rows``, ``[B, k]`` ``int64``, in no order.

    Squared Euclidean distances, one slice of the labeled rows at a time.
    """
    best = torch.empty(len(rows), 0, dtype=rows.dtype, device=rows.device)
    nearest = torch.empty(len(rows), 0, dtype=torch.int64, device=rows.device)
    for start in range(0, len(labeled), LABELED_SLICE):
        few = labeled.part(start, min(start + LABELED_SLICE, len(labeled)))
        products = rows.products(few)
        # The row's own norm is the same for all of its neighbours.
        distances = torch.add(few.sq_norms(), products, alpha=-2, out=products)
        values, columns = _smallest(distances, min(k, len(few)))
        best = torch.cat([best, values], dim=1)
        nearest = torch.cat([nearest, columns + start], dim=1)
        if best.shape[1] > k:
            kept = best.topk(k, dim=1, largest=False)
            best, nearest = kept.values, nearest.gather(1, kept.indices)
    return nearest


def _smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` smallest of each row of ``[B, m]`` and their columns, ``[B, k]`` each, in no order.

    They are in the ``k`` groups with the smallest minima, which are faster to find than they are themselves.
    """
    count = values.shape[1] // GROUPED
    if count < 4 * k:
        found = values.topk(k, dim=1, largest=False)
        return found.values, found.indices
    grouped = values[:, : GROUPED * count].unflatten(1, (GROUPED, count))
    groups = grouped.amin(dim=1).topk(k, dim=1, largest=False).indices
    members = count * torch.arange(GROUPED, device=values.device)
    rest = torch.arange(GROUPED * count, values.shape[1], device=values.device).expand(len(values), -1)
    columns = torch.cat([(groups[:, :, None] + members).flatten(1), rest], dim=1)
    found = values.gather(1, columns).topk(k, dim=1, largest=False)
    return found.values, columns.gather(1, found.indices)


def contrast(
    features: Tensor | Features, labeled: Tensor, probabilities: Tensor, *, neighbours: int = 10, floor: float = 1e-7
) -> Tensor:
    """Score each row by how far its prediction is from those of its nearest labeled rows.

    The mean of ``KL(p(y | x_l) || p(y | x))`` over the ``neighbours`` labeled rows ``x_l`` that are nearest to ``x``
    (Margatina et al. 2021, algorithm 1, lines 2 to 6). Slices of the rows are compared with slices of the labeled
    ones, so that no ``N x L`` matrix is held.

    Args:
        features: ``[N, d]``, compared by Euclidean distance.
        labeled: Positions ``[L]`` of the labeled rows; at least one.
        probabilities: Class probabilities ``[N, C]``.
        neighbours: How many labeled rows a row is compared with; all where there are fewer.
        floor: Probabilities below it count as it, so that the divergence is finite.

    Returns:
        ``[N]`` in nats, ``-inf`` for labeled rows.

    Raises:
        ConfigError: ``neighbours`` is less than one.
        StrategyError: There are no labeled rows.
    """
    if neighbours < 1:
        raise ConfigError(Problem(f"{neighbours} neighbours are less than 1", "neighbours", "neighbours=10"))
    if len(labeled) == 0:
        raise StrategyError("there are no labeled rows to compare the pool with")
    rows, probabilities = as_features(features), _floored(probabilities, floor)
    known, beliefs = rows.take(labeled), probabilities[labeled]
    negentropy = (beliefs * beliefs.log()).sum(dim=1, keepdim=True)
    both = torch.cat([beliefs, negentropy], dim=1)
    scores = torch.empty(len(rows), dtype=probabilities.dtype, device=probabilities.device)
    for part in slices(rows, min(len(labeled), LABELED_SLICE)):
        nearest = nearest_labeled(rows.part(part.start, part.stop), known, min(neighbours, len(labeled)))
        # The mean divergence needs only the neighbours' mean prediction and mean negative entropy.
        mean = functional.embedding_bag(nearest.to(both.device), both, mode="mean")
        scores[part] = mean[:, -1] - (mean[:, :-1] * probabilities[part].log()).sum(dim=1)
    scores[labeled] = -torch.inf
    return scores


def cal(
    features: Tensor | Features,
    labeled: Tensor,
    probabilities: Tensor,
    n: int,
    *,
    neighbours: int = 10,
    floor: float = 1e-7,
) -> Tensor:
    """Pick the ``n`` rows with the highest ``contrast``, whose arguments these are.

    Returns:
        Positions ``[min(n, N - L)]`` ``int64``, highest first, ties by position.
    """
    scores = contrast(features, labeled, probabilities, neighbours=neighbours, floor=floor)
    return top_k(scores, min(n, int((scores > -torch.inf).sum())))


def _floored(probabilities: Tensor, floor: float) -> Tensor:
    raised = probabilities.clamp_min(floor)
    return raised / raised.sum(dim=1, keepdim=True)
