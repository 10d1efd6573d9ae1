"""Digest of data of any type, the same in every process."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.reading import read

__all__ = ["update", "update_dataset"]


def update_dataset(
    digest: hashlib._Hash, dataset: Any, targets: npt.NDArray[Any] | None, sampled: int | None = None
) -> None:
    """Feed a map-style data set into ``digest``.

    Args:
        digest: What is fed.
        dataset: Its own ``fingerprint`` (text, or a method that returns it) stands for all of it where there is one.
        targets: One entry a datum, where these are known without reading the data.
        sampled: How many data to look at, at equal distances; ``None`` for all.
    """
    own = getattr(dataset, "fingerprint", None)
    if own is not None:
        digest.update(str(own() if callable(own) else own).encode())
        return
    if targets is not None:
        update(digest, targets)
    count = len(dataset) if sampled is None else min(len(dataset), sampled)
    for row in np.linspace(0, len(dataset) - 1, count).astype(np.int64).tolist():
        update(digest, next(iter(read(dataset, [row]))))


def update(digest: hashlib._Hash, value: Any, depth: int = 16) -> None:
    """Feed ``value`` into ``digest``: tensors, arrays, numbers, text, containers, and objects by their attributes.

    Something that has no attributes and is none of these, or is nested deeper than ``depth``, counts by its type alone.
    """
    if isinstance(value, Tensor):
        value = _bytes(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        array = np.ascontiguousarray(value)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    elif value is None or isinstance(value, str | bytes | int | float | complex):
        digest.update(repr(value).encode())
    elif depth:
        digest.update(type(value).__qualname__.encode())
        _update_all(digest, _parts(value), depth - 1)


def _bytes(tensor: Tensor) -> npt.NDArray[Any]:
    """Return the raw bytes of a tensor, each value a row of them, in any dtype and layout."""
    dense = tensor.detach().cpu().to_dense() if tensor.layout != torch.strided else tensor.detach().cpu()
    raw: npt.NDArray[Any] = dense.resolve_conj().contiguous().unsqueeze(-1).view(torch.uint8).numpy()
    return raw


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, tuple | list | np.ndarray):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return [part for item in getattr(value, "__dict__", {}).items() for part in item]


def _update_all(digest: hashlib._Hash, values: list[Any], depth: int) -> None:
    digest.update(f"({len(values)}".encode())
    for value in values:
        update(digest, value, depth)
    digest.update(b")")
