"""Stochastic passes through a network, each with its own fixed dropout masks, computed together where possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.errors import StrategyError
from alrun.core.lending import lent
from alrun.core.seeding import Seeds
from alrun.inference.dropout.folding import Folding
from alrun.inference.dropout.masks import affine, keep_masks, mask_shape

__all__ = ["DropoutPasses"]

_PROBE_ROWS = 3
#: Rows that run together after the first dropout layer on a CPU: what they make of a layer should stay in the cache.
_STACKED_ROWS = 10_240
_CANNOT_STACK = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
_Affine = tuple[Tensor, Tensor | None]


def _close(actual: Tensor, expected: Tensor) -> bool:
    size = expected[expected.isfinite()].abs()
    tolerance = 1e-4 * float(size.max()) if len(size) else 0.0
    return torch.allclose(actual, expected, rtol=1e-3, atol=tolerance, equal_nan=True)


class DropoutPasses:
    """``K`` passes through a network whose dropout layers it stands in for while ``installed``.

    Stacked: up to the first dropout layer the network runs once on ``B`` rows; there the rows become ``K * B``, pass
    after pass, each with its pass's mask, and run together through the rest; where a narrowing linear layer comes next,
    its weights are masked instead (see ``Folding``). A network that cannot be run so, because it joins the two sizes (a
    skip connection around the first dropout layer) or moves the batch dimension, is run ``K`` times. Which of the two
    is settled on the first batch, by running three of its rows both ways.
    """

    def __init__(
        self,
        layers: dict[str, nn.Module],
        probs: dict[str, float],
        num_passes: int,
        seeds: Seeds,
        folding: Folding | None = None,
    ) -> None:
        """Prepare ``num_passes`` passes over the dropout ``layers``, by name, with their ``probs``."""
        self._layers = layers
        self._folding = folding or Folding([])
        self._probs = probs
        self._num_passes = num_passes
        self._seeds = seeds
        self._affines: dict[tuple[str, torch.Size, torch.device, torch.dtype], _Affine] = {}
        self._calls: Counter[str] = Counter()
        self._rows = 0
        self._pass: int | None = None
        self._stackable: bool | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Replace the ``forward`` of every layer, and put back what was there at the end, whatever happens.

        Torch's fused transformer layers, which in evaluation mode pass over their dropout layers, are off meanwhile.
        """
        fused = torch.backends.mha.get_fastpath_enabled()
        with ExitStack() as stack:
            stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
            torch.backends.mha.set_fastpath_enabled(False)
            for name, layer in self._layers.items():
                stack.enter_context(lent(layer, forward=self._stand_in(name)))
            stack.enter_context(self._folding.installed())
            yield

    def run(self, step: Callable[[Any], Tensor], inputs: Any) -> Tensor:
        """Return the outputs ``[K, B, ...]`` of ``step`` for ``inputs`` ``[B, ...]``.

        A minibatch that is not a tensor is run ``K`` times. Its dropout layers may get what they like in their first
        dimension (the nodes of a graph): one mask of the other dimensions serves all of it.

        Raises:
            StrategyError: No dropout layer is run by ``step``, or one does not get the batch in its first dimension.
        """
        if not isinstance(inputs, Tensor):
            outputs = self._looped(step, inputs)
            self._refuse_unused()
            return outputs
        if not self.stacks(step, inputs):
            return self._looped(step, inputs)
        rows = len(inputs) if inputs.device.type != "cpu" else max(1, _STACKED_ROWS // self._num_passes)
        blocks = [self._stacked(step, block) for block in inputs.split(rows)]
        return torch.cat(blocks, dim=1) if len(blocks) > 1 else blocks[0]

    def stacks(self, step: Callable[[Any], Tensor], inputs: Any) -> bool:
        """Return whether ``inputs`` ``[B, ...]`` are run once up to the first dropout layer."""
        if not isinstance(inputs, Tensor) or len(inputs) == 0:
            return False
        if self._stackable is None:
            self._stackable = self._agree(step, inputs[torch.arange(_PROBE_ROWS, device=inputs.device) % len(inputs)])
        return self._stackable

    def _agree(self, step: Callable[[Tensor], Tensor], probe: Tensor) -> bool:
        expected = self._looped(step, probe)
        self._refuse_unused()
        if self._equals(expected, step, probe):
            return True
        self._folding.none()
        return self._equals(expected, step, probe)

    def _equals(self, expected: Tensor, step: Callable[[Tensor], Tensor], probe: Tensor) -> bool:
        try:
            stacked = self._stacked(step, probe)
        except _CANNOT_STACK:
            return False
        return stacked.shape == expected.shape and _close(stacked, expected)

    def _refuse_unused(self) -> None:
        if not self._calls:
            raise StrategyError(
                "the learner has dropout layers, but its predictions use none of them; MC dropout needs one"
            )

    def _looped(self, step: Callable[[Any], Tensor], inputs: Any) -> Tensor:
        return torch.stack([self._once(step, inputs, k) for k in range(self._num_passes)])

    def _stacked(self, step: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        outputs = self._once(step, inputs, None)
        stacked: Tensor = outputs.unflatten(0, (self._num_passes, len(inputs)))
        return stacked

    def _once(self, step: Callable[[Any], Tensor], inputs: Any, number: int | None) -> Tensor:
        self._calls.clear()
        self._rows, self._pass = len(inputs) if isinstance(inputs, Tensor) else 0, number
        return step(inputs)

    def _stand_in(self, name: str) -> Callable[[Tensor], Tensor]:
        def forward(values: Tensor) -> Tensor:
            site = f"{name}/{self._calls[name]}"
            self._calls[name] += 1
            scale, shift = self._affine(name, site, values)
            if self._pass is None and len(values) == self._rows and self._folding.follows(site, values):
                return self._folding.deferred(site, values, scale, shift)
            if self._pass is None:
                return self._stacked_dropout(values, scale, shift)
            if self._rows and len(values) % self._rows:
                raise StrategyError(
                    f"dropout layer {name!r} does not get the batch in its first dimension: {values.shape}"
                )
            dropped = values * scale[self._pass]
            return self._folding.handed(site, dropped if shift is None else dropped + shift[self._pass])

        return forward

    def _stacked_dropout(self, values: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
        if len(values) not in (self._rows, self._num_passes * self._rows):
            raise ValueError("a dropout layer saw neither the batch nor the stacked batch in its first dimension")
        stacked: Tensor = values.unflatten(0, (-1, self._rows)) * scale.unsqueeze(1)
        if shift is not None:
            stacked += shift.unsqueeze(1)
        return stacked.flatten(0, 1)

    def _affine(self, name: str, site: str, values: Tensor) -> _Affine:
        layer = self._layers[name]
        shape = mask_shape(layer, values.shape[1:])
        key = (site, shape, values.device, values.dtype)
        if key not in self._affines:
            keep = keep_masks(self._seeds, site, self._num_passes, shape, self._probs[name])
            scale, shift = affine(layer, keep, self._probs[name])
            self._affines[key] = (scale.to(values), None if shift is None else shift.to(values))
        return self._affines[key]
