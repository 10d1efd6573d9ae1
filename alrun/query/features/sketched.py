"""Sketched gradients: random projections of the gradient at all layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import count_problems, raise_any
from alrun.core.batches import move
from alrun.core.errors import StrategyError
from alrun.core.evaluation import by_itself
from alrun.core.protocols.driver import StrategyHost
from alrun.core.seeding import Role, Seeds
from alrun.core.types import Task
from alrun.query.candidates import Chunk
from alrun.query.features.gradient import pulls

__all__ = ["SketchedGradient"]


class SketchedGradient:
    """Random projection of the gradient in the weights of all layers, ``[N, width]``.

    Holzmüller et al. (2023), sections 3.2 ("full gradient") and 3.3 ("sketching"): a layer's gradient is the product of
    the error that comes back to it and of its input, ``δ ⊗ a``; each factor is multiplied with a Gaussian matrix, the
    two results element by element, and the layers are added up. Inner products of sketches are those of the gradients
    on average, with a relative error that goes with ``1 / sqrt(width)``. The kernel of each layer is divided by its
    fan-in, as the paper's parametrisation does it, so that wide layers do not drown the others.

    The gradient is that of the loss, were the likeliest class the label; of a regression, that of the prediction (of
    several targets: with random signs, which makes it the sum of their kernels on average). The learner answers
    deterministically. Counted are linear layers, over all positions where inputs are ``[B, ..., d]``, and ungrouped 2-d
    convolutions with zero padding; other layers are not.

    Args:
        width: Number of columns.

    Raises:
        ConfigError: It is not a positive whole number.
    """

    needs_model: bool = False
    multi_task: bool = False

    def __init__(self, width: int = 512) -> None:
        raise_any(count_problems("query.*.features.width", width, "query.*.features.width=512"))
        self.width = width
        self._sketches: dict[tuple[Seeds, str, int], Tensor] = {}

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return the sketches ``[B, width]``.

        Raises:
            StrategyError: The learner has no layer that is counted, or one does not get the batch in its first
                dimension.
        """
        driver = chunk.driver
        batch = move(chunk.pool.inputs(chunk.positions), driver.device)
        learner = driver.learner.to(driver.device)
        with by_itself(learner), torch.enable_grad(), _recorded(learner) as calls:
            goal = self._goal(learner(batch), driver)
            if not calls:
                raise StrategyError(f"{type(learner).__name__} has no linear and no convolution layer to differentiate")
            errors = torch.autograd.grad(goal, [call.output for call in calls], allow_unused=True)
        sketch = torch.zeros(len(chunk.positions), self.width, device=driver.device)
        for call, error in zip(calls, errors, strict=True):
            if error is not None:
                sketch += self._sketched(call, error.detach(), len(sketch), driver.seeds)
        return (sketch,)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor:
        """Return them all."""
        self._sketches.clear()
        return parts[0]

    def _goal(self, outputs: Tensor, driver: StrategyHost) -> Tensor:
        """Return the number whose gradient in a row's weights is that row's: a sum over rows."""
        spec = driver.spec
        if spec is not None and spec.task is Task.REGRESSION:
            means = outputs[:, : spec.num_outputs]
            signs = self._matrix(driver.seeds, "signs", (spec.num_outputs,), outputs.device).sign()
            return (means * signs).sum() if spec.num_outputs > 1 else means.sum()
        pull = pulls(outputs.detach(), stochastic=False, spec=spec)
        return (outputs * pull[:, -outputs.shape[1] :]).sum()

    def _sketched(self, call: _Call, error: Tensor, size: int, seeds: Seeds) -> Tensor:
        inputs, errors = call.flat(error)
        if len(inputs) != size:
            raise StrategyError(f"layer {call.name!r} does not get the batch in its first dimension: {len(inputs)}")
        fan_in = inputs.shape[-1]
        left = self._matrix(seeds, f"{call.name}/errors", (errors.shape[-1], self.width), error.device)
        right = self._matrix(seeds, f"{call.name}/inputs", (fan_in + 1, self.width), error.device)
        projected = inputs @ right[:-1]
        if call.bias:
            projected += right[-1]
        sketch: Tensor = (projected * (errors @ left)).sum(dim=1) / (fan_in * self.width) ** 0.5
        return sketch

    def _matrix(self, seeds: Seeds, name: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        key = (seeds, name, shape[0])
        if key not in self._sketches:
            stream = seeds.torch(Role.QUERY, f"{type(self).__name__}/{name}")
            self._sketches[key] = torch.randn(shape, generator=stream).to(device)
        return self._sketches[key]


@dataclass(frozen=True)
class _Call:
    """One call of a layer: what went in and what came out."""

    name: str
    layer: nn.Linear | nn.Conv2d
    inputs: Tensor
    output: Tensor

    @property
    def bias(self) -> bool:
        return self.layer.bias is not None

    def flat(self, error: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs ``[B, P, fan-in]`` and errors ``[B, P, out]``: ``P`` places where the weights were applied."""
        if isinstance(self.layer, nn.Linear):
            inputs, errors = self.inputs, error
            return inputs.reshape(len(inputs), -1, inputs.shape[-1]), errors.reshape(len(errors), -1, errors.shape[-1])
        layer = self.layer
        padding: Any = layer.padding
        patches = functional.unfold(self.inputs, layer.kernel_size, layer.dilation, padding, layer.stride)
        return patches.transpose(1, 2), error.flatten(2).transpose(1, 2)


def _counts(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Linear)


@contextmanager
def _recorded(learner: nn.Module) -> Iterator[list[_Call]]:
    """Yield a list that fills with the calls of all layers that are counted, each output a tensor with a gradient."""
    calls: list[_Call] = []

    def recorder(name: str) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
        def record(layer: Any, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
            output = output if output.requires_grad else output.detach().requires_grad_()
            calls.append(_Call(name, layer, arguments[0].detach(), output))
            # What follows may work in place.
            return output.clone()

        return record

    handles = [layer.register_forward_hook(recorder(name)) for name, layer in learner.named_modules() if _counts(layer)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
