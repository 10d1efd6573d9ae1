"""Outputs of a learner, without gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from alrun.core.learners import prediction_step

__all__ = ["outputs_of"]


def outputs_of(learner: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the learner's ``inference_step``, or its forward where it has none, without gradients.

    Gradients are off inside each call alone, so that code between two calls may differentiate what it likes; tensors of
    ``torch.inference_mode`` would forbid that too.
    """
    step = prediction_step(learner)

    def outputs(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            values: Tensor = step(inputs)
        return values

    return outputs
