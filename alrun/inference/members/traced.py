"""Traced function of tensors: a list of operations that is run without Python's overhead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.graph import CodeGen

from alrun.core.compat import count_hooks, mutates, unsafe_view
from alrun.core.generators import generators_kept

__all__ = ["Flat", "is_traceable", "traced"]

#: From a flat list of tensors to one.
Flat = Callable[..., Sequence[Tensor]]

_HOMES = ("alrun", "builtins", "functools", "lightning", "torch")
_SAME = {torch.ops.aten.expand.default, torch.ops.aten.view.default, unsafe_view()}
_TURN = torch.ops.aten.transpose.int


def is_traceable(module: nn.Module) -> bool:
    """Return whether steps of ``module`` do the same operations at each call, for batches of one shape.

    So it is taken to be where all its parts, and whatever else can be called in it, are torch's and alrun's own: code
    from elsewhere may count calls, follow a schedule, or look at the time.
    """
    return all(_is_ours(part) for part in module.modules())


def _is_ours(part: nn.Module) -> bool:
    if count_hooks(part) or "forward" in vars(part) or not _is_at_home(type(part)):
        return False
    held = [value for name, value in vars(part).items() if not name.startswith("__")]
    return all(_is_at_home(leaf) for leaf in _leaves(held) if callable(leaf))


def _leaves(values: Sequence[Any]) -> Sequence[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            found += _leaves(list(value.values()))
        elif isinstance(value, list | tuple):
            found += _leaves(list(value))
        else:
            found.append(getattr(value, "func", value))
    return found


def _is_at_home(value: Any) -> bool:
    home = getattr(value, "__module__", None) or type(value).__module__
    return home.partition(".")[0] in _HOMES


def traced(function: Flat, arguments: Sequence[Tensor]) -> Flat:
    """Return what does to arguments of these shapes what ``function`` does, with equal results to the last bit.

    The arguments are not changed, and the random numbers that are drawn are put back.
    """
    with generators_kept():
        module = make_fx(function)(*(argument.clone() for argument in arguments))
    if not any(_mutates(node) for node in module.graph.nodes):
        _shorten(module.graph)
    # The plain calling convention: no structures to take apart at each call.
    module.graph.set_codegen(CodeGen())
    module.recompile()
    forward: Flat = module.forward
    return forward


def _mutates(node: fx.Node) -> bool:
    return node.op == "call_function" and mutates(node.target)


def _draws(node: fx.Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _shorten(graph: fx.Graph) -> None:
    """Take out what changes nothing, what was computed before, and what nobody reads; random numbers stay."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function" or _draws(node):
            continue
        same = _undone(node)
        if same is None:
            same = seen.setdefault((node.target, repr(node.args), repr(node.kwargs)), node)
        if same is not node:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and not _draws(node):
            graph.erase_node(node)


def _undone(node: fx.Node) -> fx.Node | None:
    """Return the node whose very values ``node`` shows, in the same places; ``None`` where there is none."""
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return None
    if node.target in _SAME:
        before, after = source.meta["val"], node.meta["val"]
        return source if before.shape == after.shape and before.stride() == after.stride() else None
    turned = node.target is _TURN and source.target is _TURN
    if turned and sorted(map(str, node.args[1:])) == sorted(map(str, source.args[1:])):
        return source.args[0]  # type: ignore[return-value]
    return None
