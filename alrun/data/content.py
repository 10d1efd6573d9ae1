"""A digest of data of any kind, the same in every process."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["update"]


def update(digest: hashlib._Hash, value: Any) -> None:
    """Feed ``value`` into ``digest``: tensors, arrays, numbers, text, containers, and objects by their attributes.

    Something that has no attributes, and is none of these, counts by its type alone.
    """
    if isinstance(value, Tensor):
        value = (
            value.detach().cpu().resolve_conj().numpy()
            if value.layout.__str__() == "torch.strided"
            else value.to_dense().numpy()
        )
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        array = np.ascontiguousarray(value)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    elif isinstance(value, str | bytes | int | float | complex | None.__class__):
        digest.update(repr(value).encode())
    elif isinstance(value, Mapping):
        _update_all(digest, value.items())
    elif isinstance(value, tuple | list | np.ndarray):
        _update_all(digest, value)
    else:
        digest.update(type(value).__qualname__.encode())
        _update_all(digest, _attributes(value).items())


def _update_all(digest: hashlib._Hash, values: Any) -> None:
    digest.update(f"({len(values)}".encode())
    for value in values:
        update(digest, value)
    digest.update(b")")


def _attributes(value: Any) -> Mapping[str, Any]:
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return getattr(value, "__dict__", {})
