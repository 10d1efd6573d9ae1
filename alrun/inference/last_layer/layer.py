"""Split of a learner at its last linear layer: the features before it, and the function after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.embedding import embedding_layer
from alrun.core.errors import ConfigError, Problem, StrategyError

__all__ = ["LastLayer"]

_CANNOT_STACK = (RuntimeError, ValueError, IndexError)
Step = Callable[[Any], Tensor]


class LastLayer:
    """The layer whose input is the learner's embedding, with the learner around it left as it is.

    Its weights count as ``[r, D]``: the matrix, with the bias as a last column where there is one.
    """

    def __init__(self, learner: nn.Module) -> None:
        """Find the layer.

        Raises:
            ConfigError: It is not linear.
        """
        layer = embedding_layer(learner)
        if not isinstance(layer, nn.Linear):
            what = f"Laplace needs a linear layer at the end, not a {type(layer).__name__}"
            raise ConfigError(Problem(what, "inference", "inference=mc_dropout or inference=ensemble"))
        self.layer = layer

    def weights(self) -> Tensor:
        """Return a copy ``[r, D]`` of the weights."""
        parts = [self.layer.weight] if self.layer.bias is None else [self.layer.weight, self.layer.bias[:, None]]
        return torch.cat([part.detach() for part in parts], dim=1)

    def taken_apart(self, step: Step, inputs: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return features ``[B, D]``, outputs ``[B, C]`` and their derivative ``[B, C, r]`` by the layer's outputs.

        The derivative is ``None`` where the outputs are the layer's own. Only what is after the layer is
        differentiated.
        """
        found: list[tuple[Tensor, Tensor]] = []

        def note(_: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
            found.append((_flat(arguments[0]), output.detach().requires_grad_()))
            # Ends with the no_grad below: what comes before the layer needs no graph.
            torch.set_grad_enabled(True)
            return found[-1][1]

        handle = self.layer.register_forward_hook(note)
        try:
            with torch.no_grad():
                outputs = step(inputs)
        finally:
            handle.remove()
        if len(found) != 1:
            raise StrategyError(f"Laplace needs a last linear layer that runs once per batch, not {len(found)} times")
        values, raw = found[0]
        if outputs is raw:
            return self._features(values), outputs.detach(), None
        if not outputs.requires_grad:
            raise StrategyError("the learner's operations after its last linear layer cannot be differentiated")
        columns = [torch.autograd.grad(column.sum(), raw, retain_graph=True)[0] for column in outputs.unbind(dim=1)]
        return self._features(values), outputs.detach(), torch.stack(columns, dim=1)

    def sampled(self, step: Step, inputs: Any, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs ``[K, B, C]`` of ``K`` ``weights`` ``[K, r, D]`` for the layer, and its input ``[B, d]``.

        What comes before the layer runs once. What comes after it gets the rows of all ``K`` at once, pass after pass;
        or its own ``K`` times, where it cannot take them so.
        """
        found: list[Tensor] = []
        chosen = [weights]

        def replace(_: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
            found[:] = [_flat(arguments[0])]
            raw = functional.linear(self._features(found[0]), chosen[0].flatten(0, 1))
            stacked: Tensor = raw.unflatten(1, (len(chosen[0]), -1)).transpose(0, 1).flatten(0, 1)
            return stacked

        def once(part: Tensor) -> Tensor:
            chosen[0] = part
            outputs: Tensor = step(inputs).unflatten(0, (len(part), -1))
            return outputs

        handle = self.layer.register_forward_hook(replace)
        try:
            with torch.no_grad():
                try:
                    outputs = once(weights)
                except _CANNOT_STACK:
                    outputs = torch.cat([once(part) for part in weights.split(1)])
        finally:
            handle.remove()
        return outputs, found[0]

    def _features(self, values: Tensor) -> Tensor:
        values = values.detach()
        return values if self.layer.bias is None else torch.cat([values, values.new_ones(len(values), 1)], dim=1)


def _flat(values: Tensor) -> Tensor:
    if values.ndim != 2:
        raise StrategyError(f"Laplace needs a last linear layer that takes [B, d]; it takes {list(values.shape)}")
    return values
