"""Candidates: rows of the pool with the features, scores and labels that a batch strategy compares them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.outputs import probabilities
from alrun.core.protocols.driver import StrategyHost
from alrun.core.types import Prediction
from alrun.query.selection.features import Features

__all__ = ["Candidates", "Chunk", "FeatureKind"]


@dataclass(frozen=True)
class Chunk:
    """A few rows of a pool, as a feature kind sees them.

    Attributes:
        driver: The experiment.
        pool: Where the rows are.
        positions: Where they stand in it, ``[B]`` ``int64``.
        prediction: What the learner says of them; ``None`` where the kind has asked for no model.
    """

    driver: StrategyHost
    pool: Any
    positions: Tensor
    prediction: Prediction | None


class FeatureKind(Protocol):
    """What rows are compared by.

    Attributes:
        needs_model: Whether chunks are to carry predictions and embeddings.
        multi_task: Whether it is defined for data with several tasks.
    """

    needs_model: bool
    multi_task: bool

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return one or more matrices ``[B, d_i]`` for the rows of ``chunk``; the widths are the same each time."""
        ...

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor | Features:
        """Return the features of all rows, from the matrices ``[N, d_i]`` that hold what ``parts`` gave of each.

        ``labeled`` ``[L]`` are the positions of the rows that have labels, where the strategy asked for these.
        """
        ...


@dataclass(frozen=True)
class Candidates:
    """Rows to choose from, by position: the ``N`` candidates, then ``L`` labeled, ``Q`` pending and ``U`` unknown ones.

    Attributes:
        rows: Source rows of the candidates ``[N]`` ``int64``, ascending.
        labeled: Positions ``N … N+L-1`` of the labeled rows; empty where they were not asked for.
        pending: Positions of the rows that are in the queue already, likewise.
        unknown: Positions of the rows that were bought and are of no class; empty where they were not asked for.
        targets: Labels of the labeled rows, ``[L]`` or ``[L, T]``; ``None`` where they were not asked for.
        outputs: Raw outputs of the learner for all ``M = N+L+Q+U`` positions, ``[M, C]`` or ``[K, M, C]``, or ``None``.
        features: Features of all positions, or ``None``.
        stochastic: Whether ``outputs`` are ``K`` posterior samples.
    """

    rows: Tensor
    labeled: Tensor
    pending: Tensor
    unknown: Tensor
    targets: Tensor | None = None
    outputs: Tensor | None = None
    features: Tensor | Features | None = None
    stochastic: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def covered(self) -> Tensor:
        """Positions of what is labeled or about to be, ``[L+Q]``."""
        return torch.cat([self.labeled, self.pending])

    def probabilities(self) -> Tensor:
        """Return the class probabilities ``[M, C]``, averaged over posterior samples.

        Raises:
            StrategyError: Outputs were not asked for.
        """
        found = probabilities(self._outputs())
        return found.mean(dim=0) if self.stochastic else found

    def samples(self) -> Tensor:
        """Return the class probabilities of each posterior sample, ``[K, M, C]``; ``K = 1`` where there is one.

        Raises:
            StrategyError: Outputs were not asked for.
        """
        found = probabilities(self._outputs())
        return found if self.stochastic else found.unsqueeze(0)

    def _outputs(self) -> Tensor:
        if self.outputs is None:
            raise StrategyError("outputs of the learner are needed\n    → set needs_outputs = True in the strategy")
        return self.outputs
