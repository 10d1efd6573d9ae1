"""Network as plain torch: the operations of a learner's forward pass, written out as a Python function."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram

__all__ = ["Network", "Untraceable", "traced"]


class Untraceable(Exception):
    """The forward pass is not a fixed list of torch's own operations."""


@dataclass(frozen=True)
class Network:
    """A forward pass.

    Attributes:
        source: Python source of ``forward(weights, inputs)``; imports torch and the standard library alone.
        constants: Tensors that it needs beside the learner's own, by name in ``weights``.
    """

    source: str
    constants: Mapping[str, Tensor]


HEAD = '''"""The network, operation by operation; written by alrun from the learner that it trained."""

import operator

import torch


def forward(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Return the outputs of the network for a batch of inputs."""
'''


def traced(learner: Any, inputs: Tensor) -> Network:
    """Return the forward pass of ``learner``, which is in eval mode, for batches of any size.

    Args:
        learner: A module that takes one tensor and returns one.
        inputs: A batch ``[B, ...]`` with ``B >= 2``.

    Raises:
        Untraceable: It cannot be written so; says why.
    """
    batch = {0: torch.export.Dim.AUTO}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(learner, (inputs,), dynamic_shapes=(batch,), strict=False)
    except Exception as error:  # whatever tracing the class of somebody else comes to
        reason = (str(error).strip().splitlines() or [""])[0]
        raise Untraceable(f"{type(error).__name__}: {reason}") from error
    return _written(program)


def _written(program: ExportedProgram) -> Network:
    signature = program.graph_signature
    lifted = signature.inputs_to_lifted_tensor_constants
    constants = {f"constant.{name}": program.constants[name] for name in lifted.values()}
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    held |= {place: f"constant.{name}" for place, name in lifted.items()}
    names: dict[Any, str] = {}
    lines: list[str] = []
    for node in program.graph.nodes:
        if node.op == "placeholder":
            names[node] = f"weights[{held[node.name]!r}]" if node.name in held else "inputs"
        elif node.op == "call_function":
            names[node] = f"x{len(lines)}"
            arguments = [_literal(one, names) for one in node.args]
            arguments += [f"{name}={_literal(one, names)}" for name, one in node.kwargs.items()]
            lines.append(f"    {names[node]} = {_operation(node.target)}({', '.join(arguments)})")
        elif node.op == "output":
            lines.append(f"    return {_only(node.args[0], names)}")
        else:
            raise Untraceable(f"the forward pass holds a {node.op}")
    return Network("\n".join([HEAD.rstrip(), *lines]) + "\n", constants)


def _only(outputs: Any, names: Mapping[Any, str]) -> str:
    if not isinstance(outputs, list | tuple) or len(outputs) != 1:
        raise Untraceable("the forward pass returns more than one tensor")
    return _literal(outputs[0], names)


def _operation(target: Any) -> str:
    """Return how a program without alrun calls an operation."""
    found: Any = torch.ops
    for part in str(target).split("."):
        found = getattr(found, part, None)
    if found is target:
        return f"torch.ops.{target}"
    name = getattr(target, "__name__", "")
    if getattr(operator, name, None) is target:
        return f"operator.{name}"
    raise Untraceable(f"{target} is not an operation of torch")


def _literal(value: Any, names: Mapping[Any, str]) -> str:
    """Return an argument as it is written in Python."""
    if isinstance(value, torch.fx.Node):
        return names[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(one, names) for one in value)}]"
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return str(value)
    if isinstance(value, torch.device):
        return f"torch.device({str(value)!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise Untraceable(f"an argument of an operation is a {type(value).__name__}")
