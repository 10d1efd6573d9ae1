"""ALFA-Mix: rows whose prediction changes when a little of a labeled class is mixed into their embedding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.arguments import raise_any
from alrun.core.errors import Problem, StrategyError
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.features.embedding import Embedding
from alrun.query.head import Head
from alrun.query.selection.features import as_features
from alrun.query.selection.kmeans import kmeans

__all__ = ["AlfaMix", "flipping_shares"]


def flipping_shares(head: Head, embeddings: Tensor, anchors: Tensor) -> Tensor:
    """Return the least ``eps`` for which mixing changes the predicted class of each embedding, ``[N]``.

    Mixed with an anchor ``z*`` by ``alpha = eps |z* - z| / |g| * g / (z* - z)``, an embedding ``z`` moves by
    ``eps |z* - z|`` along the gradient ``g`` of unit length, except where ``z*`` and ``z`` are the same. Logits are
    linear along it, so that class ``j`` overtakes the predicted ``y`` at ``(l_y - l_j) / ((w_j - w_y) g)`` where that
    slope is positive. Infinite where no class ever does.

    Args:
        head: The last layer.
        embeddings: ``[N, d]``.
        anchors: What is mixed in, ``[k, d]``; the one that takes the least counts.
    """
    weights, _ = head.both()

    def shares(block: Tensor) -> Tensor:
        logits = head.logits(block)
        predicted = logits.argmax(dim=1, keepdim=True)
        pull = logits.softmax(dim=1).scatter_add(1, predicted, -torch.ones_like(logits[:, :1]))
        gradient, gaps = functional.normalize(pull @ weights, dim=1), logits.gather(1, predicted) - logits
        least = torch.full_like(block[:, 0], torch.inf)
        for anchor in anchors:
            apart = anchor - block
            slopes = torch.where(apart != 0, gradient, 0.0) @ weights.T
            slopes = slopes - slopes.gather(1, predicted)
            steps = torch.where(slopes > 0, gaps / slopes, torch.inf).amin(dim=1)
            least = torch.minimum(least, steps / apart.square().sum(dim=1).sqrt())
        return least

    return head.blockwise(shares, embeddings)


class AlfaMix(BatchQuery):
    """Rows whose prediction flips when their embedding is mixed with that of labeled ones (Parvaneh et al. 2022).

    "Active learning by feature mixing": the embedding ``z`` of a row is mixed with ``alpha`` of the mean
    ``z*`` of the labeled rows of a class, element by element; ``alpha`` is their closed form,
    ``eps ‖z* - z‖ / ‖g‖ · g / (z* - z)`` for the gradient ``g`` of the loss at the predicted class. Candidates are the
    rows whose prediction changes for one of the classes; ``eps = cap / sqrt(d)`` grows by ``cap`` until there are more
    than ``n`` of them or ``cap`` reaches 1, as in the authors' code. Of each of ``n`` clusters of the candidates'
    embeddings, scaled to unit length, the row nearest to the center is picked; random rows fill up.

    The ``eps`` at which a row flips is known for each class from one product: ``flipping_shares``.

    Args:
        max_samples: Rows a call.
        cap: Step of ``eps * sqrt(d)``, above 0 and at most 1; 0.2 in the paper's experiments.

    Raises:
        ConfigError: ``cap`` is out of its range.
    """

    needs_outputs = True
    needs_labeled = True

    def __init__(self, max_samples: int, cap: float = 0.2) -> None:
        super().__init__(max_samples)
        if isinstance(cap, bool) or not isinstance(cap, int | float) or not 0 < cap <= 1:
            key = "query.alfa_mix.cap"
            raise_any([Problem(f"{cap!r} is not above 0 and at most 1", key, f"{key}=0.2")])
        self.cap = cap
        self.features = Embedding()
        self._caps = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the middles of clusters of rows that flip, then random ones."""
        features: Any = candidates.features
        head, size = Head.of(self.driver.learner, candidates), len(candidates)
        anchors = self._means(candidates, len(head.both()[0]))
        self._caps = flipping_shares(head, features[:size], anchors) * features.shape[1] ** 0.5
        generator = self.generator()
        likely = self._flipped(n)
        units = functional.normalize(features[likely].float(), dim=1)
        picks = likely[kmeans(as_features(units), min(n, len(likely)), generator=generator)]
        spare = torch.ones(size, dtype=torch.bool, device=picks.device).index_fill_(0, picks, False).nonzero()[:, 0]
        order = torch.randperm(len(spare), generator=generator, device=generator.device)[: n - len(picks)]
        return torch.cat([picks, spare[order.to(spare.device)]])

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return minus the ``eps * sqrt(d)`` from which on each pick flips; NaN where it never does."""
        caps = self._caps[picks.to(self._caps.device)]
        scores: list[float] = torch.where(caps.isfinite(), -caps, torch.nan).tolist()
        return scores

    def _flipped(self, n: int) -> Tensor:
        """Return the candidates: those that flip up to the first multiple of ``cap`` that gives more than ``n``."""
        limit = 0.0
        while limit < 1:
            limit += self.cap
            found = (self._caps < limit).nonzero()[:, 0]
            if len(found) > n:
                break
        return found

    def _means(self, candidates: Candidates, num_classes: int) -> Tensor:
        """Return the mean embedding of the labeled rows of each class, ``[k, d]``, and of all, if a class has none."""
        features: Any = candidates.features
        if candidates.targets is None or len(candidates.labeled) == 0:
            raise StrategyError("AlfaMix needs labeled rows that the training pool can return")
        labels, rows = candidates.targets.long().to(features.device), features[candidates.labeled.to(features.device)]
        classes, places = labels.unique(return_inverse=True)
        sums = rows.new_zeros(len(classes), rows.shape[1], dtype=torch.float64).index_add_(0, places, rows.double())
        means = (sums / torch.bincount(places).unsqueeze(1)).float()
        return means if len(classes) == num_classes else torch.cat([means, rows.float().mean(dim=0, keepdim=True)])
