"""A module as it answers by itself: in evaluation mode, without what an inference has put into its dropout layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["by_itself"]


@contextmanager
def by_itself(module: nn.Module) -> Iterator[None]:
    """Put ``module`` in evaluation mode, gradients off; every submodule is left as it was found.

    Dropout layers get their own ``forward`` back in the meantime, for which a stochastic inference may stand in.
    """
    import torch
    from torch.nn.modules.dropout import _DropoutNd

    modes = [(part, part.training) for part in module.modules()]
    layers = [vars(part) for part in module.modules() if isinstance(part, _DropoutNd)]
    lent = [(layer, layer.pop("forward")) for layer in layers if "forward" in layer]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode
        for layer, forward in lent:
            layer["forward"] = forward
