"""Embeddings: the input of the network's last layer."""

from __future__ import annotations

from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.query.candidates import Chunk

__all__ = ["Embedding"]


class Embedding:
    """The input of the last linear layer, or of ``learner.embedding_layer``, ``[N, d]`` (Sener and Savarese 2018)."""

    needs_model: bool = True
    multi_task: bool = True

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return the embeddings ``[B, d]``."""
        if chunk.prediction is None or chunk.prediction.embeddings is None:
            raise StrategyError("the predictor gave no embeddings")
        return (chunk.prediction.embeddings,)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor:
        """Return them all."""
        return parts[0]
