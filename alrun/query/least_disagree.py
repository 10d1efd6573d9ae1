"""LDM-S: rows that a small change of the last layer labels otherwise, spread over the embedding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.features.embedding import Embedding
from alrun.query.head import Head
from alrun.query.selection.features import as_features
from alrun.query.selection.seeding import seeding

__all__ = ["LeastDisagree", "closeness", "least_disagreement"]


def least_disagreement(head: Head, embeddings: Tensor, patience: int, generator: torch.Generator) -> Tensor:
    """Return the least disagree metric of each of ``embeddings`` ``[N, d]``, ``[N]`` in ``(0, 1]`` (Cho et al. 2024).

    The least share of all rows on which a hypothesis that changes the row's label differs from the learner (the
    paper's estimator). Hypotheses are the last layer with normal noise on weights and bias; its standard deviation
    goes from 10⁻⁵ to 1 in 51 steps, at each of which draws end after ``patience`` in a row that lower no row's metric,
    as in the authors' code. 1 where no draw changes the label.
    """
    weights, bias = head.both()
    predicted = head.blockwise(head.predicted, embeddings)
    found = torch.ones(len(embeddings), device=embeddings.device)
    for step in range(51):
        sigma, idle = 10 ** (step / 10 - 5), 0
        while idle < patience:
            noise = torch.randn(len(weights), weights.shape[1] + 1, generator=generator, device=generator.device)
            moved = Head(weights + sigma * noise[:, :-1].to(weights), bias + sigma * noise[:, -1].to(bias))
            labels = moved.blockwise(moved.predicted, embeddings)
            changed = labels != predicted
            share = float(changed.double().mean())
            lower = changed & (found > share)
            idle = idle + 1 if not bool(lower.any()) else 0
            found = torch.where(lower, share, found)
    return found


def closeness(metric: Tensor, n: int) -> Tensor:
    """Return how much each row counts when ``n`` are picked, ``[N]`` in ``[0, 1]``, from its least disagree metric.

    ``exp(-(L - L_n)₊ / L_n)`` with the ``n``-th least ``L_n``; all rows but the ``n`` least are scaled so that together
    they count as much as these (Cho et al. 2024).
    """
    order = metric.double().argsort(stable=True)
    ranked = metric.double()[order]
    limit = float(ranked[min(n, len(ranked) - 1)]) or float(ranked[ranked > 0].amin()) if bool(ranked.any()) else 1.0
    weights = (-(ranked - limit).clamp_min(0) / limit).exp()
    if n < len(weights):
        weights[n:] *= n / weights[n:].sum()
    return torch.empty_like(weights).index_copy_(0, order, weights.clamp_max(1))


class LeastDisagree(BatchQuery):
    """LDM-S (Cho et al. 2024, "Querying easily flip-flopped samples for deep active learning").

    The first pick has the least disagree metric; each other is drawn with probability proportional to the square of
    its ``closeness`` times its cosine distance to the nearest pick, in the embedding: ``selection.seeding``. The metric
    is estimated on the candidates themselves. The constants and the square of the product are those of the authors'
    code.

    Args:
        max_samples: Rows a call.
        patience: Draws in a row that change nothing before the noise grows (the paper's s).

    Raises:
        ConfigError: ``patience`` is not a positive whole number.
    """

    needs_outputs = True

    def __init__(self, max_samples: int, patience: int = 10) -> None:
        super().__init__(max_samples)
        key = "query.least_disagree.patience"
        raise_any(count_problems(key, patience, f"{key}=10"))
        self.patience = patience
        self.features = Embedding()

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return rows that are close to the boundary and apart from each other."""
        features: Any = candidates.features
        generator, rows = self.generator(), features[: len(candidates)]
        head = Head.of(self.driver.learner, candidates)
        metric = least_disagreement(head, rows, self.patience, generator)
        return seeding(as_features(rows), closeness(metric, n), n, generator, first=int(metric.argmin()))
