"""Check whether members can be computed together with vmap, which leaves them unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.compat import is_dropout, is_vmapped, other_attributes, tree_leaves
from alrun.core.generators import generators_kept
from alrun.core.lending import lent

__all__ = ["agree", "keeps_tensors", "obstacle", "undisturbed"]


def obstacle(module: nn.Module) -> str | None:
    """Return what in ``module`` has a memory that members would share."""
    if callable(getattr(module, "attach", None)):
        return "the learner works with the driver"
    metrics = [part for part in module.modules() if hasattr(part, "compute") and hasattr(part, "update")]
    return f"the learner has a metric ({type(metrics[0]).__name__})" if metrics else None


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Put random generators back at the end; switch dropout off in the meantime."""
    layers = [part for part in module.modules() if is_dropout(part) and part.training]
    with ExitStack() as stack:
        stack.enter_context(generators_kept())
        for layer in layers:
            stack.enter_context(lent(layer, training=False))
        yield


def keeps_tensors(module: nn.Module) -> bool:
    """Return whether ``module`` holds on to a tensor of a step that ``vmap`` has run."""
    values = [
        value
        for part in module.modules()
        for value in other_attributes(part).values()
        if isinstance(value, Tensor | list | tuple | dict)
    ]
    return any(isinstance(leaf, Tensor) and is_vmapped(leaf) for value in values for leaf in tree_leaves(value))


def agree(actual: Any, expected: Any) -> bool:
    """Return whether nested tensors are equal to rounding, which half precision and autocast make coarse."""
    pairs = list(zip(tree_leaves(actual), tree_leaves(expected), strict=True))
    return all(one.shape == other.shape and _close(one, other) for one, other in pairs)


def _close(actual: Tensor, expected: Tensor) -> bool:
    coarse = expected.dtype in (torch.float16, torch.bfloat16) or torch.is_autocast_enabled(expected.device.type)
    share = 5e-2 if coarse else 1e-4
    size = expected[expected.isfinite()].abs()
    tolerance = share * float(size.max()) if len(size) else 0.0
    return torch.allclose(actual, expected, rtol=10 * share, atol=tolerance, equal_nan=True)
