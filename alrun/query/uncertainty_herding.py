"""Uncertainty Herding: uncertain rows that cover other uncertain ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import Problem
from alrun.pool.foreign import gives_batches
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.per_row import UNCERTAINTIES
from alrun.query.selection.features import Features, as_features
from alrun.query.selection.herding import herding
from alrun.query.temperature import calibrated_temperature, tempered

__all__ = ["UncertaintyHerding"]

#: Squared distance of rows of unit length up to which they are the same.
_SAME = 1e-12
_BLOCK_ROWS = 512


class UncertaintyHerding(BatchQuery):
    """Rows that add most to the coverage of uncertain rows (Bae, Oliveira and Sutherland 2025, algorithm 1).

    The coverage is ``sum_i U(x_i) max_j k(x_i, x_j)`` over the rows ``j`` that are labeled or picked; see
    ``selection.herding``. Labeled rows, and those that other strategies have put in the queue, cover and have no
    uncertainty of their own, as in the authors' code. The parameters adapt: ``U`` is that of
    probabilities at the temperature with the least expected calibration error, near uniform while the learner knows
    little, which makes this MaxHerding; and the radius is the least distance between labeled rows, so small once these
    are many that this becomes uncertainty sampling.

    Deviations: the temperature is fitted to the validation rows, where the authors train a second learner on a part of
    the labeled rows and fit it to the rest; 1 where there are no validation rows. With nothing labeled, or nothing
    uncertain, all rows count alike. For the radius, rows nearer than ``1e-6`` are the same.

    Args:
        max_samples: Rows a call.
        measure: ``margin``, one minus the gap between the two largest probabilities, as in the paper's main results;
            ``least_confidence``, or ``entropy``.
        temperature: What logits are divided by; ``None`` to fit it.
        radius: Distance at which the kernel has fallen to ``1 / e``, between features of unit length; ``None`` for the
            least distance between labeled rows.
        features: What rows are compared by; ``None`` for the learner's embedding.

    Raises:
        ConfigError: The measure is unknown, or a number is not positive.
    """

    needs_outputs = True
    needs_labeled = True

    def __init__(
        self,
        max_samples: int,
        measure: str = "margin",
        temperature: float | None = None,
        radius: float | None = None,
        features: FeatureKind | None = None,
    ) -> None:
        super().__init__(max_samples)
        raise_any(_problems(measure, temperature=temperature, radius=radius))
        self.measure, self.temperature, self.radius = measure, temperature, radius
        self.features: FeatureKind = Embedding() if features is None else features

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows that cover most uncertainty, in order."""
        assert candidates.features is not None  # noqa: S101 - gathered by the kind
        rows = as_features(candidates.features)
        covered = candidates.covered.to(rows.device)
        radius = self.radius or _least_gap(rows.take(covered).double()) or 1.0
        return herding(rows, covered, n, radius=radius, weights=self._weights(candidates).to(rows.device))

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return the uncertainty of each pick."""
        weights: list[float] = self._weights(candidates)[picks.to(candidates.rows.device)].tolist()
        return weights

    def _weights(self, candidates: Candidates) -> Tensor:
        """Return the uncertainty of each candidate, and 0 for other rows, ``[N+L+Q]``."""
        assert candidates.outputs is not None  # noqa: S101 - gathered as needs_outputs says
        found = UNCERTAINTIES[self.measure](tempered(candidates.outputs, self._fitted()))
        found[len(candidates) :] = 0
        if len(candidates.labeled) == 0 or not bool(found.any()):
            return torch.ones_like(found)
        return found

    def _fitted(self) -> float:
        """Return the temperature, fitted to the validation rows where none is given."""
        pool = self.driver.validation_pool
        if self.temperature is not None:
            return self.temperature
        if pool is None or len(pool) == 0 or not gives_batches(pool):
            return 1.0
        chunks = [prediction.outputs for prediction in self.driver.predictor(pool)]
        return calibrated_temperature(torch.cat(chunks, dim=-2), pool.targets(torch.arange(len(pool))))


def _problems(measure: str, **numbers: float | None) -> Iterator[Problem]:
    yield from choice_problems("query.uncertainty_herding.measure", measure, UNCERTAINTIES)
    for name, value in numbers.items():
        if value is not None and not 0 < value < float("inf"):
            key = f"query.uncertainty_herding.{name}"
            yield Problem(f"{value!r} is not a positive number", key, f"{key}=null")


def _least_gap(rows: Features) -> float | None:
    """Return the least distance between two of ``rows``, scaled to unit length; ``None`` where no two differ."""
    norms = rows.sq_norms()
    scales, least = torch.where(norms > 0, norms, 1.0).rsqrt(), float("inf")
    norms = norms * scales.square()
    for start in range(0, len(rows), _BLOCK_ROWS):
        part = slice(start, min(start + _BLOCK_ROWS, len(rows)))
        products = rows.products(rows.part(part.start, part.stop)) * scales.unsqueeze(1) * scales[part]
        gaps = norms.unsqueeze(1) - 2 * products + norms[part]
        least = min(least, float(gaps.masked_fill_(gaps <= _SAME, float("inf")).min()))
    return least**0.5 if least < float("inf") else None
