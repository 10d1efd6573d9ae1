"""Features scaled to unit length, so that distances are those of directions."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.query.candidates import Chunk, FeatureKind

__all__ = ["Unit"]


class Unit:
    """Other features, each row divided by its length; rows of zeros stay.

    Args:
        of: The features; such as form a matrix.
    """

    def __init__(self, of: FeatureKind) -> None:
        self.of = of
        self.needs_model: bool = of.needs_model
        self.multi_task: bool = of.multi_task

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return what the features that are scaled are made of."""
        return self.of.parts(chunk)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor:
        """Return the features ``[N, d]``, scaled in place.

        Raises:
            StrategyError: They form no matrix.
        """
        features = self.of.assembled(parts, labeled)
        if not isinstance(features, Tensor):
            raise StrategyError("products of factors cannot be scaled to unit length\n    → sketch them")
        lengths = torch.linalg.vector_norm(features, dim=1, keepdim=True)
        return features.div_(torch.where(lengths > 0, lengths, 1.0))
