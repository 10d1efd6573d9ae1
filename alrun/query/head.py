"""Last layer of a learner as a function of its embedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.embedding import embedding_layer
from alrun.core.errors import StrategyError
from alrun.core.outputs import probabilities
from alrun.query.candidates import Candidates

__all__ = ["Head"]

_BLOCK_VALUES = 1 << 21


class Head:
    """What a learner makes of its embeddings ``[N, d]``: class probabilities.

    Attributes:
        weights: Of the last linear layer, ``[C, d]``, or ``[1, d]`` for the logit of the second of two classes.
        bias: ``[C]`` or ``[1]``; zeros where the layer has none.
    """

    def __init__(self, weights: Tensor, bias: Tensor | None = None) -> None:
        """Take the weights and the bias of a linear layer."""
        self.weights = weights.detach().float()
        self.bias = torch.zeros_like(self.weights[:, 0]) if bias is None else bias.detach().float()

    @classmethod
    def of(cls, learner: Any, candidates: Candidates) -> Head:
        """Return the head of ``learner``, checked against what it says of the candidates.

        Raises:
            StrategyError: The embeddings do not go into one last linear layer, whose outputs are the learner's.
        """
        layer = embedding_layer(learner)
        if not isinstance(layer, nn.Linear):
            raise StrategyError(f"the last layer must be linear, not a {type(layer).__name__}")
        outputs, features = candidates.outputs, candidates.features
        assert outputs is not None and isinstance(features, Tensor)  # noqa: S101, PT018 - gathered as asked for
        bias = None if layer.bias is None else layer.bias.to(features.device)
        head = cls(layer.weight.to(features.device), bias)
        if outputs.shape[-1] != len(head.weights):
            what = f"the last linear layer has {len(head.weights)} outputs, the learner {outputs.shape[-1]}"
            raise StrategyError(f"{what}\n    → let the learner end in one linear layer")
        few = slice(0, 64)
        if not candidates.stochastic and not torch.allclose(
            head.probabilities(features[few]), probabilities(outputs[few].float()), atol=1e-3
        ):
            what = "the learner does not end in the linear layer that its embedding goes into"
            raise StrategyError(f"{what}\n    → set its attribute embedding_layer to the name of that layer")
        return head

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return the logits ``[N, C]`` of two columns or more; of a single one, those of both classes."""
        found = embeddings @ self.weights.T + self.bias
        return torch.cat([torch.zeros_like(found), found], dim=1) if found.shape[1] == 1 else found

    def predicted(self, embeddings: Tensor) -> Tensor:
        """Return the most probable class of each row, ``[N]``."""
        return self.logits(embeddings).argmax(dim=1)

    def probabilities(self, embeddings: Tensor) -> Tensor:
        """Return the class probabilities ``[N, C]``."""
        return self.logits(embeddings.float()).softmax(dim=1)

    def both(self) -> tuple[Tensor, Tensor]:
        """Return weights ``[C, d]`` and bias ``[C]`` with a row for each class, also where the layer has one output."""
        if len(self.weights) > 1:
            return self.weights, self.bias
        return torch.cat([torch.zeros_like(self.weights), self.weights]), torch.cat([self.bias * 0, self.bias])

    def blockwise(self, score: Callable[[Tensor], Tensor], embeddings: Tensor) -> Tensor:
        """Return ``score`` of the rows ``[N, d]``, computed on some at a time; one or more numbers a row."""
        rows = max(1, _BLOCK_VALUES // max(1, embeddings.shape[1]))
        return torch.cat([score(block.float()) for block in embeddings.split(rows)])
