"""Contrastive active learning: rows whose prediction differs from that of their labeled neighbors."""

from __future__ import annotations

from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.selection.cal import contrast
from alrun.query.selection.top_k import top_k

__all__ = ["Cal"]


class Cal(BatchQuery):
    """Contrastive active learning (Margatina et al. 2021, "Active learning by acquiring contrastive examples").

    Highest mean divergence between the predictions of the nearest labeled rows and the row's own, see
    ``alrun.query.selection.cal``. Predictions are averaged over posterior samples where inference is stochastic.

    Args:
        max_samples: Rows a call.
        neighbours: Labeled rows that a row is compared with.
        features: What tells which are near; the embedding by default, as in the paper.

    Raises:
        ConfigError: ``neighbours`` is less than one.
    """

    needs_outputs: bool = True
    needs_labeled: bool = True

    def __init__(self, max_samples: int, neighbours: int = 10, features: FeatureKind | None = None) -> None:
        super().__init__(max_samples)
        if neighbours < 1:
            raise ConfigError(
                Problem(f"{neighbours} is less than 1", "query.cal.neighbours", "query.cal.neighbours=10")
            )
        self.neighbours = neighbours
        self.features: FeatureKind = Embedding() if features is None else features

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows of highest contrast."""
        assert candidates.features is not None  # noqa: S101 - gathered by the kind
        found = contrast(
            candidates.features, candidates.labeled, candidates.probabilities(), neighbours=self.neighbours
        )
        self._scores = found[: len(candidates)]
        return top_k(self._scores, n)

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return the divergences of ``picks``, in nats."""
        scores: list[float] = self._scores.cpu()[picks].tolist()
        return scores
