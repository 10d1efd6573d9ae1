"""BAIT: rows that best cover the Fisher information of the whole pool."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.protocols.driver import spec_of
from alrun.core.types import Task
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.selection.bait import bait

__all__ = ["Bait"]

_KINDS = ("softmax", "binary")


class Bait(BatchQuery):
    """BAIT (Ash et al. 2021, "Gone fishing"), for classifications and regressions; see ``alrun.query.selection.bait``.

    Rows that other strategies have put in the queue count as labeled.

    Args:
        max_samples: Rows a call.
        fisher: Information of a classification: ``softmax`` for that of all classes; ``binary`` for ``p (1 - p)`` of
            the most probable class (Huseljic et al. 2024), which costs as little with 1,000 classes as with two.
        regularization: Added to the diagonal; 1 as published.
        labeled_weight: Weight of a labeled row, where a picked one has 1; ``None`` for one over their number, as
            published. Counted in full by default, so that a batch does not repeat what is labeled: with few labels
            that made the larger difference on digits.
        oversampling: Rows added, for each that stays in the end.
        max_dimension: Above this many weights the features are reduced to their principal directions.
        features: Inputs of the last layer; the embedding by default.

    Raises:
        ConfigError: ``fisher`` is not one of its kinds.
    """

    __algorithm__ = 2  # double precision throughout
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs_outputs: bool = True
    needs_labeled: bool = True

    def __init__(
        self,
        max_samples: int,
        fisher: str = "softmax",
        regularization: float = 0.01,
        labeled_weight: float | None = 1.0,
        oversampling: float = 2.0,
        max_dimension: int = 2048,
        features: FeatureKind | None = None,
    ) -> None:
        super().__init__(max_samples)
        raise_any(choice_problems("query.bait.fisher", fisher, _KINDS))
        self.fisher = fisher
        self.features: FeatureKind = Embedding() if features is None else features
        self._options: dict[str, Any] = {
            "regularization": regularization,
            "labeled_weight": labeled_weight,
            "oversampling": oversampling,
            "max_dimension": max_dimension,
        }

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows that lower the trace most."""
        assert candidates.features is not None  # noqa: S101 - gathered by the kind
        return bait(candidates.features, candidates.covered, n, **self._information(candidates), **self._options)

    def _information(self, candidates: Candidates) -> dict[str, Any]:
        if spec_of(self.driver).task is Task.REGRESSION:
            return {}
        probabilities = candidates.probabilities()
        if self.fisher == "softmax":
            return {"probabilities": probabilities}
        highest = probabilities.amax(dim=1)
        return {"weights": highest * (1 - highest)}
