"""Raw inputs as features: no model is needed."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.pool.foreign import shipped_embeddings
from alrun.query.candidates import Chunk

__all__ = ["Inputs"]


class Inputs:
    """Embeddings that the data set ships where it has such, else the raw inputs, flattened, ``[N, d]``.

    Args:
        standardize: Whether each column is given mean 0 and variance 1 over all rows (constant ones: 0). Embeddings
            that the data set ships stay as they are.
    """

    needs_model: bool = False
    multi_task: bool = True

    def __init__(self, standardize: bool = True) -> None:
        self.standardize = standardize
        self._shipped = False

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return the rows' vectors ``[B, d]``.

        Raises:
            StrategyError: The inputs are not tensors and nothing is shipped.
        """
        found = shipped_embeddings(chunk.pool, chunk.positions)
        self._shipped = found is not None
        inputs = chunk.pool.inputs(chunk.positions) if found is None else found
        if not isinstance(inputs, Tensor):
            raise StrategyError("rows that are not tensors have no distances\n    → use embeddings instead")
        return (inputs.reshape(len(inputs), -1).float(),)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor:
        """Return them all, standardized in place where that is wanted."""
        (vectors,) = parts
        if self.standardize and not self._shipped:
            vectors -= vectors.mean(dim=0)
            spread = vectors.square().mean(dim=0).sqrt_()
            vectors /= torch.where(spread > 0, spread, 1.0)
        return vectors
