"""Context managers for evaluation mode, and for a module without the dropout masks of an inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alrun.core.compat import is_dropout

if TYPE_CHECKING:
    from torch import nn

__all__ = ["by_itself", "evaluating"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put ``module`` in evaluation mode, and every submodule back in its own mode at the end, whatever happens."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def by_itself(module: nn.Module) -> Iterator[None]:
    """Put ``module`` in evaluation mode, gradients off; every submodule is left as it was found.

    Dropout layers get their own ``forward`` back in the meantime, for which a stochastic inference may stand in.
    """
    import torch

    layers = [vars(part) for part in module.modules() if is_dropout(part)]
    lent = [(layer, layer.pop("forward")) for layer in layers if "forward" in layer]
    try:
        with evaluating(module), torch.no_grad():
            yield
    finally:
        for layer, forward in lent:
            layer["forward"] = forward
