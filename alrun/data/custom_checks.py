"""Checks of a custom data set, before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.data.problems import fail

__all__ = ["cheap_embeddings", "cheap_targets", "check_classes", "check_dataset"]


def check_dataset(dataset: Any, workers: int, fingerprint: str) -> None:
    """Raise ``DataError`` unless ``dataset`` is map-style and holds data, and the options are such."""
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        what = f"{type(dataset).__name__} is no map-style data set: it needs __len__ and __getitem__"
        raise fail(what, "data.dataset", "an iterable one cannot be asked for the data that were chosen")
    if len(dataset) == 0:
        raise fail(f"{type(dataset).__name__} holds no data", "data.dataset")
    if workers < 0:
        raise fail(f"{workers} processes", "data.workers", "data.workers=0 reads in the main process")
    if fingerprint not in ("sample", "all"):
        raise fail(f"unknown kind of fingerprint {fingerprint!r}", "data.fingerprint", "sample or all")


def cheap_targets(dataset: Any) -> npt.NDArray[Any] | None:
    """Return ``dataset.targets`` as an array of numbers, one entry a datum; ``None`` where there is no such thing."""
    given = getattr(dataset, "targets", None)
    if given is None or callable(given):
        return None
    found = np.asarray(given)
    return found if found.ndim and len(found) == len(dataset) and found.dtype.kind in "biuf" else None


def cheap_embeddings(dataset: Any) -> npt.NDArray[Any] | None:
    """Return ``dataset.embeddings`` as an array ``[N, d]``, memory-mapped ones as they are; ``None`` without any."""
    given = getattr(dataset, "embeddings", None)
    return None if given is None or callable(given) else np.asanyarray(given)


def check_classes(targets: npt.NDArray[Any], num_classes: Sequence[int]) -> None:
    """Raise ``DataError`` unless ``targets`` are ``[N]``, or ``[N, T]``, classes of tasks with ``num_classes`` each."""
    columns = targets.reshape(len(targets), -1)
    if targets.ndim > 2 or columns.shape[1] != len(num_classes) or (targets.ndim == 2 and len(num_classes) == 1):
        raise fail(f"a target is no class from 0 to {num_classes[0] - 1}", "dataset.targets", "data.task=regression")
    for column, count in zip(columns.T, num_classes, strict=True):
        wrong = np.flatnonzero((column < 0) | (column >= count) | (column != np.floor(column)))
        if len(wrong):
            where = f"dataset.targets, row {wrong[0]}"
            raise fail(f"a target is no class from 0 to {count - 1}", where, "data.task=regression")
