"""Conversion of state dicts of any library to plain values that a training session can commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.core.errors import StrategyError

__all__ = ["plain"]


def plain(value: Any, path: str = "state") -> Any:
    """Return ``value`` as nested dicts and lists of tensors, numbers, strings and ``None``.

    Tuples become lists. Functions (an annealing rule, say) become ``None``: whoever owns them makes them again.

    Raises:
        StrategyError: A value that none of these can stand for.
    """
    import torch

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: plain(entry, f"{path}.{key}") for key, entry in value.items() if not callable(entry)}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry, f"{path}[{position}]") for position, entry in enumerate(value)]
    if hasattr(value, "tolist"):
        return value.tolist()
    if callable(value):
        return None
    raise StrategyError(f"training state {path}: a {type(value).__name__} cannot be checkpointed")
