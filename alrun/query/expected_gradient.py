"""Expected gradient length: how much a label is expected to change the last layer."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query.base import ScoreQuery

__all__ = ["ExpectedGradient", "expected_gradient_length"]


def expected_gradient_length(chances: Tensor, embeddings: Tensor, bias: bool = True) -> Tensor:
    """Return the length of the loss gradient in the last layer's weights, expected over the label, ``[N]``.

    For label ``c`` the gradient is ``(p - e_c) ⊗ h``, so that its length is ``sqrt(|p|² - 2 p_c + 1) |h|``.

    Args:
        chances: Class probabilities ``[N, C]``, those of the labels too.
        embeddings: Input of the last layer, ``[N, d]``.
        bias: Whether the bias counts, by a further 1 in ``h``.
    """
    lengths = (chances.square().sum(dim=1, keepdim=True) - 2 * chances + 1).clamp_min(0).sqrt()
    inputs = (embeddings.square().sum(dim=1) + float(bias)).sqrt()
    return (chances * lengths).sum(dim=1) * inputs


class ExpectedGradient(ScoreQuery):
    """Largest expected model change, as the expected gradient length (Settles, Craven and Ray 2007).

    "Multiple-instance active learning": the length of the gradient that training on a row would add, averaged over its
    possible labels by their probability. Deviation: the gradient is that in the last layer, where it has a closed form;
    of all layers it would take ``C`` backward passes a row.
    """

    needs_embeddings: ClassVar[bool] = True

    def score(self, prediction: Prediction) -> Tensor:
        """Return ``expected_gradient_length``, ``[B]``; posterior samples are averaged first."""
        found = probabilities(prediction.outputs.float())
        assert prediction.embeddings is not None  # noqa: S101 - asked for by needs_embeddings
        found = found.mean(dim=0) if prediction.stochastic else found
        return expected_gradient_length(found, prediction.embeddings.float().to(found.device))
