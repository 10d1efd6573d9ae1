"""Gradient embeddings: the gradient of the loss at the last layer, for the most probable label."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.outputs import probabilities
from alrun.core.types import Task, TaskSpec
from alrun.query.candidates import Chunk
from alrun.query.selection.features import Features, OuterProduct

__all__ = ["Gradient"]


class Gradient:
    """Gradient of the loss in the last layer's weights, were the likeliest class the label (Ash et al. 2020, eq. 1).

    For row ``x`` with embedding ``h`` and class probabilities ``p`` it is ``(p - onehot(argmax p)) ⊗ h``. Only the two
    factors are kept, ``[N, C]`` and ``[N, d]``; the ``C·d`` columns are never formed. Posterior samples are averaged
    first. Of several labels a row it is ``(p - [p > 0.5]) ⊗ h``, with the probability ``p`` of each label, ``[N, L]``:
    the gradient of the binary cross-entropy, summed over the labels. For a regression it is the gradient of the
    prediction itself, which is ``h`` whatever the label (Holzmüller et al. 2023, section 3.2, "last-layer").

    Args:
        bias: Whether to take the layer's bias in, by a further 1 in ``h``; the paper leaves it out.
    """

    needs_model: bool = True
    multi_task: bool = False

    def __init__(self, bias: bool = False) -> None:
        self.bias = bias

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return ``h`` ``[B, d]`` and, unless for a regression, what ``pulls`` gives, ``[B, C]``."""
        prediction, spec = chunk.prediction, chunk.driver.spec
        if prediction is None or prediction.embeddings is None:
            raise StrategyError("the predictor gave no embeddings")
        embeddings = prediction.embeddings.float()
        if self.bias:
            embeddings = torch.cat([embeddings, embeddings.new_ones(len(embeddings), 1)], dim=1)
        if spec is not None and spec.task is Task.REGRESSION:
            return (embeddings,)
        return embeddings, pulls(prediction.outputs, prediction.stochastic, spec)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor | Features:
        """Return the products, never formed."""
        return parts[0] if len(parts) == 1 else OuterProduct(parts[1], parts[0])


def pulls(outputs: Tensor, stochastic: bool, spec: TaskSpec | None) -> Tensor:
    """Return ``p - onehot(argmax p)`` ``[B, C]`` for logits ``[B, C]``, or ``[K, B, C]`` where ``stochastic``.

    Of multi-label data it is ``p - [p > 0.5]`` ``[B, L]``.
    """
    if spec is not None and spec.task is Task.MULTI_LABEL:
        holds = outputs.float().sigmoid()
        holds = holds.mean(dim=0) if stochastic else holds
        return holds - (holds > 0.5).to(holds)
    found = probabilities(outputs.float())
    found = found.mean(dim=0) if stochastic else found.clone()
    likeliest = found.argmax(dim=1, keepdim=True)
    return found.scatter_add_(1, likeliest, -torch.ones_like(likeliest, dtype=found.dtype))
