"""MQ-Net: rows by a learned balance of how like the known classes they are and how uncertain the learner is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, number_problems, raise_any
from alrun.core.errors import StrategyError
from alrun.pool.foreign import gives_batches, unknown_rows
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.meta_query import MetaQuery, standardized
from alrun.query.selection.features import Features, as_features, slices

__all__ = ["MQNet", "largest_cosine"]

_RATE = 0.01
_BLOCK_ROWS = 128
_TINY = 1e-12


def largest_cosine(features: Tensor | Features, rows: int, labeled: Tensor) -> Tensor:
    """Return the cosine of each of the first ``rows`` with the most similar labeled one, ``[rows]``; 0 without any.

    Args:
        features: ``[N, d]``, or features that are not formed.
        rows: How many rows are compared.
        labeled: Positions ``[L]`` ``int64``.
    """
    every = as_features(features)
    if len(labeled) == 0:
        return torch.zeros(rows, device=every.device)
    scale = every.sq_norms().sqrt().clamp_min(_TINY).reciprocal()
    part, best = every.part(0, rows), torch.full((rows,), float("-inf"), device=every.device)
    for few in labeled.to(every.device).split(_BLOCK_ROWS):
        known = every.take(few)
        for piece in slices(part, len(few)):
            products = part.part(piece.start, piece.stop).products(known) * scale[few]
            best[piece] = torch.maximum(best[piece], products.amax(dim=1) * scale[piece])
    return best


class MQNet(BatchQuery):
    """MQ-Net (Park et al. 2022), for pools with unknown rows of which it pays to avoid fewer and fewer.

    "Meta-Query-Net: Resolving purity-informativeness dilemma in open-set active learning", arXiv:2210.07805. A row has
    two scores: purity, how like it is to the labeled rows of known classes, and
    informativeness, how uncertain the learner is. A small network that rises with both ranks the pool. It is trained on
    the last batch, by the loss that the learner had on each row before it was trained on it, 0 for one that turned out
    to be unknown (the masked loss of equation 4), with a loss on the order of pairs (``alrun.query.meta_query``). So it
    prefers purity as long as that is scarce, and informativeness later on.

    Deviations: purity is the largest cosine between features of the learner, where theirs is that of a contrastive
    network (CSI) trained on the pool beforehand; informativeness is one minus the highest probability, one of theirs;
    all pairs of the batch count, not some. Until a batch of its own has come back with losses that differ, rows are
    ranked by the sum of both scores.

    Args:
        max_samples: Rows a call.
        features: What likeness is measured by: one of ``alrun.query.features``.
        epochs: Steps of the network's training.
        margin: What its outputs for two rows of different loss are to be apart.

    Raises:
        ConfigError: With every problem at once.
    """

    needs_outputs: bool = True
    needs_labeled: bool = True

    def __init__(self, max_samples: int, features: FeatureKind, epochs: int = 100, margin: float = 0.1) -> None:
        super().__init__(max_samples)
        problems = [
            *count_problems("query.mqnet.epochs", epochs, "query.mqnet.epochs=100"),
            *number_problems("query.mqnet.margin", margin, "query.mqnet.margin=0.1"),
        ]
        raise_any(problems)
        self.features: FeatureKind = features
        self.epochs, self.margin = epochs, margin
        self._batches: list[dict[str, Any]] = []
        self._scores = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows that the network ranks highest; what is needed to learn from them is kept."""
        if candidates.features is None:
            raise StrategyError("MQNet needs features to measure likeness by")
        chances = candidates.probabilities()[: len(candidates)].double().cpu()
        purity = largest_cosine(candidates.features, len(candidates), candidates.labeled).cpu()
        inputs = torch.stack([standardized(1 - chances.amax(dim=1)), standardized(purity)], dim=1)
        self._scores = self._ranked(inputs)
        picks = self._scores.argsort(descending=True, stable=True)[:n]
        self._keep(candidates.rows[picks], inputs[picks], chances[picks])
        return picks

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return what the network says of the picks."""
        found: list[float] = self._scores[picks].tolist()
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept of the last batches."""
        return {"batches": self._batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that."""
        self._batches = [dict(one) for one in state["batches"]]

    def _ranked(self, inputs: Tensor) -> Tensor:
        inputs_then, losses = self._last_losses()
        if len(losses.unique()) < 2:
            return inputs.sum(dim=1)
        network = MetaQuery(self.generator())
        network.fit(inputs_then, losses, margin=self.margin, steps=self.epochs, rate=_RATE)
        return network(inputs).detach()

    def _last_losses(self) -> tuple[Tensor, Tensor]:
        """Return the two scores ``[n, 2]`` of the rows of the last batch, as they were, and their losses ``[n]``."""
        step = int(self.driver.active_learning_step_idx)
        earlier = [one for one in self._batches if one["step"] < step]
        pool = self.driver.training_pool
        if not earlier or not gives_batches(pool):
            return torch.empty(0, 2, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
        rows, chances = torch.tensor(earlier[-1]["rows"]), torch.tensor(earlier[-1]["chances"], dtype=torch.float64)
        losses = torch.full((len(rows),), float("nan"), dtype=torch.float64)
        losses[torch.isin(rows, unknown_rows(pool))] = 0.0
        back = torch.isin(rows, pool.indices).nonzero()[:, 0]
        ordered, order = pool.indices.sort()
        labels = pool.targets(order[torch.searchsorted(ordered, rows[back])]).long()
        losses[back] = -chances[back, labels].clamp_min(_TINY).log()
        known = ~losses.isnan()
        return torch.tensor(earlier[-1]["inputs"], dtype=torch.float64)[known], losses[known]

    def _keep(self, rows: Tensor, inputs: Tensor, chances: Tensor) -> None:
        """Keep what is known of a batch; of one that is asked for again at the same step, as in a preview, the last."""
        step = int(self.driver.active_learning_step_idx)
        batch = {"step": step, "rows": rows.tolist(), "inputs": inputs.tolist(), "chances": chances.tolist()}
        self._batches = [*[one for one in self._batches if one["step"] < step][-1:], batch]
