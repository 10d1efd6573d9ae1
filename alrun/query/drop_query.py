"""DropQuery: rows whose prediction changes with dropout, one of each cluster of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import Problem
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.features.embedding import Embedding
from alrun.query.head import Head
from alrun.query.selection.features import as_features
from alrun.query.selection.kmeans import kmeans
from alrun.query.selection.top_k import top_k

__all__ = ["DropQuery"]


class DropQuery(BatchQuery):
    """Rows that most of some dropout passes label otherwise, spread by k-means (Gupte et al. 2024).

    "Revisiting active learning in the era of vision foundation models": the embedding goes ``num_passes`` times through
    dropout into the last layer; candidates are the rows of which more than half of the passes change the predicted
    class; of each of ``n`` clusters of their embeddings the row nearest to the center is picked. What the authors do
    with frozen features and a linear classifier is done here with the embedding and last layer of any learner; the
    learner's own dropout and the inference play no part.

    Deviation: where fewer than ``n`` rows are candidates, those that most passes change join them, the lowest row
    numbers first; the authors' code ends there.

    Args:
        max_samples: Rows a call.
        num_passes: The paper's M.
        prob: Probability of dropping an entry of the embedding, in ``(0, 1)``.

    Raises:
        ConfigError: A number is out of its range.
    """

    needs_outputs = True

    def __init__(self, max_samples: int, num_passes: int = 3, prob: float = 0.75) -> None:
        super().__init__(max_samples)
        key = "query.drop_query"
        problems = list(count_problems(f"{key}.num_passes", num_passes, f"{key}.num_passes=3"))
        if isinstance(prob, bool) or not isinstance(prob, int | float) or not 0 < prob < 1:
            problems.append(Problem(f"{prob!r} is not a probability in (0, 1)", f"{key}.prob", f"{key}.prob=0.75"))
        raise_any(problems)
        self.num_passes, self.prob = num_passes, prob
        self.features = Embedding()
        self._changes = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the middles of clusters of rows that dropout changes."""
        features: Any = candidates.features
        generator = self.generator()
        self._changes = self._changed(Head.of(self.driver.learner, candidates), features[: len(candidates)], generator)
        count = int((self._changes > self.num_passes / 2).sum())
        likely = top_k(self._changes.float(), max(count, n)).sort().values
        return likely[kmeans(as_features(features).take(likely), n, generator=generator)]

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return the share of the passes that change the prediction of each pick."""
        shares: list[float] = (self._changes[picks.to(self._changes.device)] / self.num_passes).tolist()
        return shares

    def _changed(self, head: Head, embeddings: Tensor, generator: torch.Generator) -> Tensor:
        """Return how many passes change the predicted class of each row, ``[N]``."""

        def changes(block: Tensor) -> Tensor:
            predicted, total = head.predicted(block), torch.zeros(len(block), device=block.device)
            for _ in range(self.num_passes):
                kept = torch.rand(block.shape, generator=generator, device=generator.device).to(block) >= self.prob
                total += head.predicted(block * kept / (1 - self.prob)) != predicted
            return total

        return head.blockwise(changes, embeddings)
