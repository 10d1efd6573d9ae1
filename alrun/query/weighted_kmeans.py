"""Weighted k-means: uncertain rows, each from a different dense region."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.scores import margin
from alrun.query.selection.features import as_features
from alrun.query.selection.kmeans import kmeans
from alrun.query.selection.top_k import top_k

__all__ = ["WeightedKMeans"]


class WeightedKMeans(BatchQuery):
    """The middles of clusters of uncertain rows (Zhdanov 2019, "Diverse mini-batch active learning").

    The ``prefilter * n`` most uncertain rows are clustered by k-means in which a row counts as much as it is uncertain,
    ``1 - (p_first - p_second)``; of each cluster the row nearest to its center is picked. So picks lie where uncertain
    rows are dense. Clusters with the larger sum of weights come first, an order that the paper leaves open; the seeding
    does not know the weights.

    Args:
        max_samples: Rows a call.
        features: What rows are clustered by; ``None`` for the learner's embedding.
        prefilter: The paper's beta.

    Raises:
        ConfigError: ``prefilter`` is less than 1.
    """

    needs_outputs = True

    def __init__(self, max_samples: int, features: FeatureKind | None = None, prefilter: int = 10) -> None:
        super().__init__(max_samples)
        if prefilter < 1:
            raise ConfigError(
                Problem(f"{prefilter!r} is too few rows per pick", "query.*.prefilter", "query.*.prefilter=10")
            )
        self.features: FeatureKind = Embedding() if features is None else features
        self.prefilter = prefilter

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the middles, heaviest cluster first."""
        features: Any = candidates.features
        weights = self._weights(candidates)
        likely = top_k(weights, self.prefilter * n).sort().values
        few = as_features(features).take(likely.to(features.device))
        picks = kmeans(few, n, generator=self.generator(), weights=weights[likely])
        return likely[picks.to(likely.device)]

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return how uncertain each pick is, from 0 to 1."""
        weights: list[float] = self._weights(candidates)[picks.to(candidates.rows.device)].tolist()
        return weights

    def _weights(self, candidates: Candidates) -> Tensor:
        return 1 + margin(candidates.probabilities()[: len(candidates)])
