"""Checks of a custom data set before it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import DataError
from alrun.data.problems import fail
from alrun.pool.labels import far_from_zero

__all__ = [
    "cheap_embeddings",
    "cheap_targets",
    "check_class_targets",
    "check_classes",
    "check_dataset",
    "check_offsets",
]


def check_dataset(dataset: Any, workers: int, fingerprint: str) -> None:
    """Raise ``DataError`` unless ``dataset`` is map-style and holds data, and the options are such."""
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        what = f"{type(dataset).__name__} is not a map-style data set: it needs __len__ and __getitem__"
        raise fail(what, "data.dataset", "rows that were chosen cannot be read from an iterable data set")
    if len(dataset) == 0:
        raise fail(f"{type(dataset).__name__} is empty", "data.dataset")
    if workers < 0:
        raise fail(f"{workers} processes", "data.workers", "data.workers=0 reads in the main process")
    raise_any(choice_problems("data.fingerprint", fingerprint, ("sample", "all")), DataError)


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
    if columns.shape[1] != len(num_classes):
        raise _not_one_class(columns, num_classes, "dataset.targets")
    _check_numbers(columns, np.arange(len(columns)), num_classes, "dataset.targets, ")


def check_class_targets(targets: Sequence[Any], rows: Sequence[int], num_classes: Sequence[int]) -> None:
    """Raise ``DataError`` unless ``targets``, those of the data at ``rows``, are classes, see ``check_classes``.

    One value may come in any shape and dtype.
    """
    blocks = []
    for target, row in zip(targets, rows, strict=True):
        text = next((one for one in np.ravel(np.asarray(target, dtype=object)) if isinstance(one, str | bytes)), None)
        if text is not None:
            what = f"the target of row {row} is text, {text!r}: classes are numbers from 0 to {num_classes[0] - 1}"
            raise fail(what, "data.dataset", "return class numbers from the data set, e.g. sorted(names).index(name)")
        try:
            blocks.append(np.asarray(target, dtype=np.float64).reshape(1, -1))
        except (TypeError, ValueError) as error:
            what = f"the target of row {row} is a {type(target).__name__}: a class is one number"
            raise fail(what, "data.dataset", "return a whole number as the target") from error
        if blocks[-1].shape[1] != len(num_classes):
            raise _not_one_class(blocks[-1], num_classes, f"data.dataset, row {row}")
    if blocks:
        _check_numbers(np.concatenate(blocks), np.asarray(rows), num_classes, "data.dataset, ")


def check_offsets(targets: Any) -> None:
    """Raise ``DataError`` where numbers ``[n]`` or ``[n, T]`` lie so far from 0 that ``float32`` loses how they differ.

    Their data go to learners as they are, so that an origin cannot be subtracted from them here.
    """
    far = far_from_zero(targets)
    if far is not None:
        where, origin = far
        what = f"targets are {where}: float32, in which learners compute, loses how they differ"
        raise fail(what, "data.dataset", f"return y - {origin:.15g} as the target of a datum")


def _not_one_class(rows: npt.NDArray[Any], num_classes: Sequence[int], where: str) -> DataError:
    is_mark = len(num_classes) == 1 and bool(np.isin(rows, (0, 1)).all()) and rows.shape[1] > 1
    if is_mark and bool((rows.sum(axis=1) == 1).all()):
        what = f"a target is one-hot, {rows.shape[1]} values: a class is one number"
        return fail(what, where, "return y.argmax() in place of y")
    wanted = "one class" if len(num_classes) == 1 else f"{len(num_classes)} classes"
    hint = "several labels a row: data.task=multi_label metrology=multi_label" if is_mark else "check the shape of y"
    return fail(f"a target has {rows.shape[1]} values, not {wanted}", where, hint)


def _check_numbers(
    columns: npt.NDArray[Any], rows: npt.NDArray[np.int64], num_classes: Sequence[int], where: str
) -> None:
    for column, count in zip(columns.T, num_classes, strict=True):
        wrong = np.flatnonzero(~((column >= 0) & (column < count) & (column == np.floor(column))))
        if len(wrong):
            value = column[wrong[0]].item()
            from_one = bool((column >= 1).all() and (column <= count).all())
            hint = "return y - 1: classes count from 0" if from_one else f"data.num_outputs={count} sets their number"
            what = f"a target is {value:g}, not a class from 0 to {count - 1}"
            raise fail(what, f"{where}row {rows[wrong[0]]}", hint)
