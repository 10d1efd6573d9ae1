"""Losses and gradients of several members at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from alrun.core.compat import tree_flatten, tree_unflatten
from alrun.inference.members.member_batch import MemberBatch
from alrun.inference.members.traced import Flat, is_traceable, traced
from alrun.inference.members.weights import Weights

__all__ = ["Caller", "Differentiated", "Gradients", "Step", "prefixed"]

#: From a module and a batch to nested dicts of tensors; for gradients to ``(loss, further tensors by name)``.
Step = Callable[[nn.Module, Any], Any]
#: Losses ``[M]``, the further tensors and the gradients by name, each ``[M, ...]``.
Gradients = tuple[Tensor, Weights, Weights]

#: Batches of a shape after which its operations are listed: not worth it for a few.
_WORTH_IT = 8


class Caller(nn.Module):
    """Calls a step with a module whose tensors ``functional_call`` has exchanged."""

    def __init__(self, module: nn.Module) -> None:
        """Call steps with ``module``."""
        super().__init__()
        self.module = module

    def forward(self, step: Step, data: Any) -> tuple[Any, Weights]:
        """Return what ``step`` returns, and the buffers that it has replaced by other tensors."""
        before = dict(self.module.named_buffers())
        result = step(self.module, data)
        return result, {name: one for name, one in self.module.named_buffers() if one is not before[name]}


def prefixed(weights: Weights) -> Weights:
    """Return ``weights`` by the names that they have in a ``Caller``."""
    return {f"module.{name}": value for name, value in weights.items()}


@dataclass
class _Entry:
    """What is known of batches of one shape."""

    function: Flat
    names: dict[str, list[str]] = field(default_factory=dict)
    calls: int = 0
    is_traced: bool = False


class Differentiated:
    """Gives the gradient of each member's loss in its own parameters, by ``vmap`` over ``grad``.

    Of modules that are made of torch's and alrun's own parts alone, the operations for a batch of a shape are listed
    after some batches, and the list is run from then on: the same result, without Python's part of ``vmap`` and
    ``grad``.
    """

    def __init__(self, module: nn.Module) -> None:
        """Differentiate steps of the stacked ``module``."""
        self._caller = Caller(module)
        self._modules = list(module.modules())
        self._traceable = is_traceable(module)
        self._entries: dict[Any, _Entry] = {}

    def __call__(self, step: Step, weights: Weights, batch: MemberBatch, own: bool = False) -> Gradients:
        """Return losses, further tensors, and gradients; buffers in ``weights`` are written to.

        Args:
            step: From a module and a batch to ``(loss, further tensors by name)``.
            weights: ``[M, ...]`` by name; differentiated are those that require it.
            batch: Tensors alone.
            own: Whether ``step`` is a method of the module, the same at each call.
        """
        trained = [name for name, value in weights.items() if value.requires_grad]
        fixed = [name for name, value in weights.items() if not value.requires_grad]
        leaves, structure = tree_flatten(batch.data)
        arguments = [*(weights[name] for name in (*trained, *fixed)), *leaves]

        def new() -> _Entry:
            entry = _Entry(lambda: ())
            entry.function = self._function(step, trained, fixed, structure, batch.dim, entry.names)
            return entry

        entry = self._entry(new, arguments, batch.dim) if own and self._may_trace(leaves) else new()
        losses, *tensors = entry.function(*arguments)
        gradients = dict(zip(trained, tensors, strict=False))
        named = dict(zip(entry.names["further"] + entry.names["replaced"], tensors[len(trained) :], strict=True))
        for name in entry.names["replaced"]:
            weights[name].copy_(named.pop(name))
        return losses, named, gradients

    def _may_trace(self, leaves: list[Tensor]) -> bool:
        return self._traceable and not torch.is_autocast_enabled(leaves[0].device.type)

    def _entry(self, new: Callable[[], _Entry], arguments: list[Tensor], dim: int | None) -> _Entry:
        shapes = tuple((one.shape, one.dtype, one.device) for one in arguments)
        key = (dim, shapes, tuple(module.training for module in self._modules))
        entry = self._entries.get(key) or self._entries.setdefault(key, new())
        entry.calls += 1
        if entry.calls > _WORTH_IT and not entry.is_traced:
            entry.function, entry.is_traced = traced(entry.function, arguments), True
        return entry

    def _function(
        self,
        step: Step,
        trained: list[str],
        fixed: list[str],
        structure: Any,
        dim: int | None,
        names: dict[str, list[str]],
    ) -> Flat:
        """Return the function from flat tensors to flat tensors; it notes in ``names`` what those at the end are."""

        def one(trained: Weights, fixed: Weights, data: Any) -> Any:
            (loss, further), replaced = functional_call(self._caller, prefixed(trained | fixed), (step, data))
            return loss, (further, replaced)

        mapped = vmap(grad_and_value(one, has_aux=True), in_dims=(0, 0, dim), randomness="different")

        def function(*tensors: Tensor) -> list[Tensor]:
            first = dict(zip(trained, tensors, strict=False))
            second = dict(zip(fixed, tensors[len(trained) :], strict=False))
            data = tree_unflatten(tensors[len(trained) + len(fixed) :], structure)
            gradients, (losses, (further, replaced)) = mapped(first, second, data)
            names.update(further=list(further), replaced=list(replaced))
            return [losses, *gradients.values(), *further.values(), *replaced.values()]

        return function
