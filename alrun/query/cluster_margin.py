"""Cluster-Margin: rows with small margins, spread evenly over clusters."""

from __future__ import annotations

from torch import Tensor

from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.selection.cluster_margin import cluster_margin

__all__ = ["ClusterMargin"]


class ClusterMargin(BatchQuery):
    """Cluster-Margin (Citovsky et al. 2021, "Batch active learning at scale"), see ``selection.cluster_margin``.

    Args:
        max_samples: Rows a call.
        factor: Rows of smallest margin that are clustered, for each row picked.
        cluster_size: Mean number of these in a cluster.
        max_clustered: How many the tree holds; the others join the nearest cluster.
        random_member: Whether a random row of a cluster is taken, as in the paper, or that of smallest margin.
        features: What is clustered; the embedding by default, as in the paper.
    """

    needs_outputs: bool = True

    def __init__(
        self,
        max_samples: int,
        factor: float = 10.0,
        cluster_size: float = 10.0,
        max_clustered: int = 2500,
        random_member: bool = True,
        features: FeatureKind | None = None,
    ) -> None:
        super().__init__(max_samples)
        self.factor, self.cluster_size, self.max_clustered = factor, cluster_size, max_clustered
        self.random_member = random_member
        self.features: FeatureKind = Embedding() if features is None else features

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return rows of the clusters in turn."""
        assert candidates.features is not None  # noqa: S101 - gathered by the kind
        return cluster_margin(
            candidates.features,
            candidates.covered,
            candidates.probabilities(),
            n,
            factor=self.factor,
            cluster_size=self.cluster_size,
            max_clustered=self.max_clustered,
            generator=self.generator() if self.random_member else None,
        )
