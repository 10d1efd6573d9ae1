"""The state in which a learner predicts: evaluation mode, left again without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["evaluating", "outputs_of"]


@contextmanager
def evaluating(learner: nn.Module) -> Iterator[None]:
    """Put ``learner`` in evaluation mode, and every submodule back in its own mode at the end, whatever happens."""
    modes = [(module, module.training) for module in learner.modules()]
    learner.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def outputs_of(learner: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the learner's ``inference_step``, or its forward where it has none, without gradients.

    Gradients are off inside each call alone, so that code between two calls may differentiate what it likes; tensors of
    ``torch.inference_mode`` would forbid that too.
    """
    step: Callable[[Tensor], Tensor] = getattr(learner, "inference_step", learner)

    def outputs(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return step(inputs)

    return outputs
