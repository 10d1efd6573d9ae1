"""Vectorized step of a module over several sets of weights: with ``torch.func.vmap``, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import nn
from torch.func import functional_call, vmap

from alrun.core.compat import tree_map
from alrun.inference.members.differentiated import Caller, Differentiated, Gradients, Step, prefixed
from alrun.inference.members.member_batch import MemberBatch
from alrun.inference.members.vmap_check import agree, keeps_tensors, obstacle, undisturbed
from alrun.inference.members.weights import Weights, load, places

__all__ = ["Vectorized"]

_TINY, _ROWS = 2, 8


class Vectorized:
    """Runs steps of a module whose tensors are ``[M, ...]``, as ``weights.stack`` makes it.

    Together, a step is traced once by ``vmap``, random numbers are drawn for each member, and buffers that it writes
    to in place are those of the member. A step that does not bear this (it looks at values, keeps tensors, calls what
    has no batching rule) is run on a module of ordinary size, with the weights of one member after the other. Which of
    the two is settled at the first batch of a kind of step, by running eight of its rows on two members both ways, with
    dropout off and all random generators put back.

    Attributes:
        values_apart_on: Kinds of devices on which values are computed one after the other in any case. Many rows keep a
            CPU busy, and it is up to three times slower at what ``vmap`` makes of convolutions and shared inputs.
    """

    values_apart_on: ClassVar[tuple[str, ...]] = ("cpu",)

    def __init__(self, module: nn.Module, alone: nn.Module, say: Callable[[str], None]) -> None:
        """Take the stacked ``module``, an ordinary one like it, and whom to tell what was settled."""
        self.alone = alone
        self._module, self._say = module, say
        self._places = places(alone)
        self._pairs = list(zip(alone.modules(), module.modules(), strict=True))
        self._caller, self._differentiated = Caller(module), Differentiated(module)
        self._settled: dict[str, bool] = {}

    def values(self, kind: str, step: Step, weights: Weights, batch: MemberBatch) -> Any:
        """Return what ``step`` returns, each tensor ``[M, ...]``, without gradients."""

        def together(weights: Weights, batch: MemberBatch) -> Any:
            result, replaced = vmap(one, in_dims=(0, batch.dim), randomness="different")(weights, batch.data)
            for name, value in replaced.items():
                weights[name].copy_(value)
            return result

        def one(weights: Weights, data: Any) -> Any:
            return functional_call(self._caller, prefixed(weights), (step, data))

        def apart(weights: Weights, batch: MemberBatch) -> Any:
            results = []
            for number in _members(weights):
                with self._as(weights, number) as module:
                    results.append(step(module, batch.of(number)))
            return _stacked(results)

        with torch.no_grad():
            if next(iter(weights.values())).device.type in self.values_apart_on:
                return apart(weights, batch)
            return (together if self._bears(kind, together, apart, weights, batch) else apart)(weights, batch)

    def gradients(self, step: Step, weights: Weights, batch: MemberBatch, own: bool) -> Gradients:
        """Return losses, further tensors, and the gradient of each member's loss in its own parameters.

        ``own`` says that ``step`` is a method of the module, the same at each call.
        """

        def together(weights: Weights, batch: MemberBatch) -> Gradients:
            return self._differentiated(step, weights, batch, own)

        def apart(weights: Weights, batch: MemberBatch) -> Gradients:
            results = [self._slope(step, weights, number, batch.of(number)) for number in _members(weights)]
            stacked: Gradients = _stacked(results)
            return stacked

        with torch.no_grad():
            return (together if self._bears("training", together, apart, weights, batch) else apart)(weights, batch)

    @contextmanager
    def _as(self, weights: Weights, number: int) -> Iterator[nn.Module]:
        """Lend the ordinary module as member ``number``; buffers that it replaces by other tensors are written back."""
        load(self._places, weights, number)
        # Autocast knows weights by the parameter that holds them, and would go on with those of the member before.
        torch.clear_autocast_cache()
        for own, part in self._pairs:
            own.training = part.training
        lent = {name: table[key] for name, (table, key) in self._places.items()}
        yield self.alone
        for name, (table, key) in self._places.items():
            if table[key] is not lent[name]:
                weights[name][number].copy_(table[key])

    def _slope(self, step: Step, weights: Weights, number: int, data: Any) -> Gradients:
        with torch.enable_grad(), self._as(weights, number) as module:
            loss, further = step(module, data)
            trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
            found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        gradients = {
            name: torch.zeros_like(one) if slope is None else slope
            for (name, one), slope in zip(trained.items(), found, strict=True)
        }
        return loss.detach(), tree_map(torch.Tensor.detach, further), gradients

    def _bears(
        self,
        kind: str,
        together: Callable[[Weights, MemberBatch], Any],
        apart: Callable[[Weights, MemberBatch], Any],
        weights: Weights,
        batch: MemberBatch,
    ) -> bool:
        count = len(_members(weights))
        if count == 1:
            return False
        if kind not in self._settled:
            reason = self._tried(together, apart, weights, batch)
            self._settled[kind] = reason is None
            told = "computed as one" if reason is None else f"computed one after the other: {reason}"
            self._say(f"{kind} of {count} members is {told}")
        return self._settled[kind]

    def _tried(
        self,
        together: Callable[[Weights, MemberBatch], Any],
        apart: Callable[[Weights, MemberBatch], Any],
        weights: Weights,
        batch: MemberBatch,
    ) -> str | None:
        """Return why members cannot be computed together; ``None`` where they can."""
        reason = obstacle(self._module)
        if reason is None and not batch.is_tensors:
            reason = "batches are not made of tensors"
        if reason is not None:
            return reason
        tiny = batch.tiny(_TINY, _ROWS)
        copies = [_first(weights) for _ in range(2)]
        with undisturbed(self._module):
            try:
                expected = apart(copies[0], tiny)
                actual = together(copies[1], tiny)
            except Exception as error:
                return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        if keeps_tensors(self._module):
            return "the learner keeps tensors of a step"
        return None if agree((actual, copies[1]), (expected, copies[0])) else "the results differ"


def _first(weights: Weights) -> Weights:
    """Return a copy of the weights of the first members."""
    return {name: value.detach()[:_TINY].clone().requires_grad_(value.requires_grad) for name, value in weights.items()}


def _members(weights: Weights) -> range:
    return range(len(next(iter(weights.values()))))


def _stacked(results: list[Any]) -> Any:
    return tree_map(lambda *parts: torch.stack(parts), *results)
