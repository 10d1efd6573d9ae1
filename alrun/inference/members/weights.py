"""Stacked weights of several modules of one kind: ``[M, ...]`` each, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.compat import tensor_tables

__all__ = ["Place", "Weights", "load", "places", "stack"]

Weights = dict[str, Tensor]
Place = tuple[dict[str, Any], str]


def stack(modules: Sequence[nn.Module]) -> nn.Module:
    """Return the first of ``modules``, its parameters and buffers in place of its own those of all ``M``, ``[M, ...]``.

    Tensors that occur in several places of a module still do.

    Raises:
        RuntimeError: A tensor of one module differs in shape from that of another.
        ValueError: The modules have different submodules.
    """
    known: dict[int, tuple[Tensor, Tensor]] = {}

    def stacked(tensors: Sequence[Tensor], make: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        first = tensors[0]
        if id(first) not in known:
            known[id(first)] = first, make(torch.stack([tensor.detach() for tensor in tensors]), first)
        return known[id(first)][1]

    for parts in zip(*(module.modules() for module in modules), strict=True):
        parameters, buffers = zip(*(tensor_tables(part) for part in parts), strict=True)
        for tables, make in ((parameters, _parameter), (buffers, lambda values, _: values)):
            for key in [key for key, tensor in tables[0].items() if tensor is not None]:
                tables[0][key] = stacked([table[key] for table in tables], make)
    return modules[0]


def _parameter(values: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=like.requires_grad)


def places(module: nn.Module) -> dict[str, Place]:
    """Return where the tensors of ``module`` are, by name: the table that holds each and its key in that table."""
    parts = dict(module.named_modules())
    names = [name for name, _ in [*module.named_parameters(), *module.named_buffers()]]
    found: dict[str, Place] = {}
    for name in names:
        path, _, key = name.rpartition(".")
        parameters, buffers = tensor_tables(parts[path])
        found[name] = (parameters if key in parameters else buffers), key
    return found


def load(where: Mapping[str, Place], weights: Mapping[str, Tensor], number: int) -> None:
    """Put ``weights[name][number]`` in the ``places`` of a module, as views: what it writes to buffers, they see."""
    for name, (table, key) in where.items():
        value = weights[name][number].detach()
        if isinstance(table[key], nn.Parameter):
            table[key].data = value
        else:
            table[key] = value
