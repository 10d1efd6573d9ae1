"""Minibatches of any shape: tensors, custom objects, and nested tuples, lists and dicts of these."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["batch_length", "collated", "move"]


def move(batch: Any, device: torch.device | str) -> Any:
    """Return ``batch`` on ``device``.

    Whatever has a ``to(device)`` of its own moves by that, in place where it returns nothing; tuples (named ones too),
    lists and dicts are moved entry by entry and keep their types; all else (text, numbers) stays as it is.
    """
    to = getattr(batch, "to", None)
    if callable(to):
        moved = to(device)
        return batch if moved is None else moved
    if isinstance(batch, Mapping):
        return _moved_mapping(batch, device)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move(value, device) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(move(value, device) for value in batch)
    return batch


def _moved_mapping(batch: Mapping[Any, Any], device: torch.device | str) -> Any:
    moved = {key: move(value, device) for key, value in batch.items()}
    if type(batch) is dict or not isinstance(batch, MutableMapping):
        return moved
    same = copy(batch)
    same.update(moved)
    return same


def batch_length(batch: Any) -> int:
    """Return how many samples ``batch`` holds.

    That is the first dimension of its first tensor, however deep; for a custom batch object its
    ``num_graphs``, ``batch_size`` or ``len``; 1 where there is nothing of the kind.
    """
    found = _length(batch)
    return 1 if found is None else found


def _length(batch: Any) -> int | None:
    import torch

    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.ndim else None
    if isinstance(batch, str | bytes):
        return None
    if isinstance(batch, Mapping):
        batch = tuple(batch.values())
    if isinstance(batch, Sequence):
        return next((length for item in batch if (length := _length(item)) is not None), None)
    named = (getattr(batch, name, None) for name in ("num_graphs", "batch_size"))
    length = next((value for value in named if isinstance(value, int)), None)
    return len(batch) if length is None and hasattr(batch, "__len__") else length


def collated(data: Sequence[Any], owner: Any = None) -> Any:
    """Return one minibatch of ``data``, of which there is at least one.

    ``collate`` of ``owner`` (the data set, or the pool) wins; then ``collate`` of the data's own type, a class or
    static method that takes the list; then torch's ``default_collate``.
    """
    for holder in (owner, type(data[0])):
        collate = getattr(holder, "collate", None)
        if callable(collate):
            return collate(list(data))
    from torch.utils.data import default_collate

    return default_collate(list(data))
