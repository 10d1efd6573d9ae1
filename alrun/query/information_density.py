"""Information density: uncertainty, weighted by how similar a row is to the rest of the pool."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.arguments import choice_problems, number_problems, raise_any
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.per_row import UNCERTAINTIES
from alrun.query.selection.features import as_features, slices
from alrun.query.selection.top_k import top_k

__all__ = ["InformationDensity", "mean_cosine"]


def mean_cosine(features: Any, count: int) -> Tensor:
    """Return the mean cosine similarity ``[count]`` ``float64`` of the first ``count`` rows to each other.

    It is the product of a row and the mean row, both of unit length first, so that no pair is looked at. Rows of zeros
    are similar to none.
    """
    rows = as_features(features).part(0, count)
    total: Tensor | float = 0.0
    for part in slices(rows):
        total = total + functional.normalize(rows.part(part.start, part.stop).vectors().double(), dim=1).sum(dim=0)
    parts = [
        functional.normalize(rows.part(part.start, part.stop).vectors().double(), dim=1) @ (total / count)
        for part in slices(rows)
    ]
    return torch.cat(parts)


class InformationDensity(BatchQuery):
    """Highest ``uncertainty * similarity ** beta`` (Settles and Craven 2008).

    "An analysis of active learning strategies for sequence labeling tasks", information density. The similarity is the
    mean cosine similarity to all rows of the pool; below zero, which features of words cannot reach, it counts as 0.

    Args:
        max_samples: Rows a call.
        measure: ``entropy``, as in the paper, ``margin`` (one minus the gap) or ``least_confidence``.
        beta: How much similarity counts; 0 for none.
        features: What rows are compared by; ``None`` for the learner's embedding.

    Raises:
        ConfigError: The measure is unknown, or ``beta`` negative.
    """

    needs_outputs = True

    def __init__(
        self, max_samples: int, measure: str = "entropy", beta: float = 1.0, features: FeatureKind | None = None
    ) -> None:
        super().__init__(max_samples)
        key = "query.information_density"
        problems = [*choice_problems(f"{key}.measure", measure, UNCERTAINTIES)]
        raise_any([*problems, *number_problems(f"{key}.beta", beta, f"{key}.beta=1")])
        self.measure, self.beta = measure, beta
        self.features: FeatureKind = Embedding() if features is None else features
        self._scores = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows with the highest products, best first."""
        uncertain = UNCERTAINTIES[self.measure](candidates.probabilities()[: len(candidates)]).double()
        similar = mean_cosine(candidates.features, len(candidates)).clamp_min(0)
        self._scores = uncertain * similar.to(uncertain) ** self.beta
        return top_k(self._scores, n)

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return the products."""
        scores: list[float] = self._scores[picks.to(self._scores.device)].tolist()
        return scores
