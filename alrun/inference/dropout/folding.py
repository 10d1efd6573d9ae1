"""Folding of dropout into the linear layer after it: masks on its weights in place of masks on the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.lending import lent

__all__ = ["Folding"]


class Folding:
    """Stands in for linear layers, while ``installed``, that narrow what a dropout layer hands them directly.

    With masks ``m_k`` before a layer of weights ``W``, ``(x * m_k) W' = x (W * m_k)'``. So ``K`` passes are one product
    of the ``B`` rows with ``K`` masked copies of the weights: no row is copied ``K`` times, and where the layer is the
    last one, all that is done ``K`` times is a product with few columns.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        """Stand in for those of ``layers`` that are linear, narrowing, and nobody else's stand-in already."""
        self._layers = [
            layer
            for layer in layers
            if isinstance(layer, nn.Linear) and layer.out_features < layer.in_features and "forward" not in vars(layer)
        ]
        self._followed: set[str] = set()
        self._masked: dict[tuple[str, nn.Linear], tuple[Tensor, Tensor | None]] = {}
        self._handed: tuple[str, Tensor] = ("", torch.empty(0))
        self._affine: tuple[Tensor, Tensor | None] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Replace the ``forward`` of every layer, and take it away at the end, whatever happens."""
        with ExitStack() as stack:
            for layer in self._layers:
                stack.enter_context(lent(layer, forward=self._stand_in(layer)))
            yield

    def handed(self, site: str, values: Tensor) -> Tensor:
        """Note that the dropout ``site`` gives ``values``; a linear layer that gets this very tensor follows it."""
        self._handed, self._affine = (site, values), None
        return values

    def follows(self, site: str, values: Tensor) -> bool:
        """Return whether a linear layer was seen to follow ``site``, so that ``values`` ``[B, d]`` may be deferred."""
        return site in self._followed and values.ndim == 2

    def deferred(self, site: str, values: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
        """Return ``values`` ``[B, d]`` as they are; the layers that follow apply ``scale`` and ``shift`` ``[K, d]``."""
        alias = values.view(values.shape)
        self._handed, self._affine = (site, alias), (scale, shift)
        return alias

    def none(self) -> None:
        """Forget which layers follow: some are not alone in that."""
        self._followed.clear()

    def _stand_in(self, layer: nn.Linear) -> Callable[[Tensor], Tensor]:
        def forward(input: Tensor) -> Tensor:
            site, values = self._handed
            if input is values and self._affine is not None:
                return self._folded(site, layer, input, *self._affine)
            if input is values:
                self._followed.add(site)
            return type(layer).forward(layer, input)

        return forward

    def _folded(self, site: str, layer: nn.Linear, rows: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
        if (site, layer) not in self._masked:
            self._masked[site, layer] = _masked(layer, scale, shift)
        outputs = functional.linear(rows, *self._masked[site, layer])
        stacked: Tensor = outputs.unflatten(1, (len(scale), -1)).transpose(0, 1).flatten(0, 1)
        return stacked


def _masked(layer: nn.Linear, scale: Tensor, shift: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return ``[K * out, d]`` weights and ``[K * out]`` bias: the layer after each of ``K`` affine maps ``[K, d]``."""
    weights = (layer.weight.detach() * scale.unsqueeze(1)).flatten(0, 1)
    bias = None if layer.bias is None else layer.bias.detach().repeat(len(scale))
    if shift is None:
        return weights, bias
    moved = functional.linear(shift, layer.weight.detach()).flatten()
    return weights, moved if bias is None else bias + moved
