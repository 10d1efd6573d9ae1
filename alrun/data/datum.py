"""Form of one datum of a custom data set: its inputs, targets and uuid, taken apart and put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.suggest import nearest
from alrun.data.problems import fail

__all__ = ["MISSING", "DatumForm", "like"]

MISSING = object()
_VALUES = (Tensor, np.ndarray, np.generic, str, bytes, int, float, complex, tuple, list)


def like(example: Any, label: Any) -> Any:
    """Return ``label`` in the form of ``example``, a target of the same data set: its type, dtype and shape.

    A label that is missing (-1 or NaN) keeps its own type where the other cannot hold it.
    """
    if isinstance(example, Tensor):
        given = torch.as_tensor(label)
        return given.to(given.dtype if _is_missing(given) else example.dtype).reshape(example.shape)
    if isinstance(example, np.ndarray):
        given = torch.as_tensor(label)
        dtype = None if _is_missing(given) else example.dtype
        return np.asarray(label, dtype=dtype).reshape(example.shape)
    if isinstance(example, bool | int | float) and _size(label) == 1:
        value = label.item() if hasattr(label, "item") else label
        return value if _is_missing(torch.as_tensor(value)) else type(example)(value)
    return label


def _is_missing(label: Tensor) -> bool:
    return bool((label.isnan() if label.is_floating_point() else label < 0).any()) if not label.is_complex() else False


def _is_pair(datum: Any) -> bool:
    return isinstance(datum, tuple | list) and len(datum) == 2


def _size(value: Any) -> int:
    return int(np.prod(getattr(value, "shape", ())))


class DatumForm:
    """Where a datum has its target and its uuid.

    A datum is a pair ``(x, y)``; or a mapping or an object with a field for the target; or the inputs alone (a tensor,
    text, …), which become pairs when they are labeled. Methods of the data set win: ``with_target(datum, label)``,
    ``inputs_of(batch)`` and ``uuid(index)``.
    """

    def __init__(self, dataset: Any, first: Any, field: str | None, tasks: tuple[str, ...] = ()) -> None:
        """Look at the ``first`` datum; without a ``field``, one that is no value has a field for each of ``tasks``.

        Raises:
            DataError: A mapping or an object, and nobody says which field is the target.
        """
        self._dataset = dataset
        self._field = field
        self._is_pair = field is None and _is_pair(first)
        self._fields = tasks if field is None and not isinstance(first, _VALUES) else ()
        self._own = {name: getattr(dataset, name, None) for name in ("with_target", "inputs_of", "uuid")}
        named = field is not None or bool(self._fields)
        if not named and self._own["with_target"] is None and not isinstance(first, _VALUES):
            raise fail(
                f"a datum is a {type(first).__name__}: which field is the target?",
                "data.target_field",
                _hint(first),
            )
        self._example = self.target(first)

    def target(self, datum: Any) -> Any:
        """Return the target that a datum ships with; ``MISSING`` where it has none (or ``None``)."""
        if self._fields:
            values = [_value(datum, name) for name in self._fields]
            missing = any(value is MISSING for value in values)
            return MISSING if missing else torch.stack([torch.as_tensor(value).reshape(()) for value in values])
        found = datum[1] if self._is_pair else _value(datum, self._field)
        return MISSING if found is None else found

    def inputs(self, batch: Any) -> Any:
        """Return what a learner may see for a prediction, of a datum or of a batch: everything but the target.

        An object keeps its target, unless the data set's ``inputs_of`` takes it away.
        """
        if self._own["inputs_of"] is not None:
            return self._own["inputs_of"](batch)
        if self._is_pair and _is_pair(batch):
            return batch[0]
        hidden = self._fields or (self._field,)
        if isinstance(batch, Mapping) and any(name in batch for name in hidden):
            return {key: value for key, value in batch.items() if key not in hidden}
        return batch

    def as_shipped(self, datum: Any) -> Any:
        """Return inputs alone as they were before ``labelled`` made a pair of them; any other datum as it is."""
        alone = not (self._is_pair or self._fields or self._field or self._own["with_target"])
        return datum[0] if alone and _is_pair(datum) else datum

    def labelled(self, datum: Any, label: Any) -> Any:
        """Return ``datum`` with ``label`` for its target, in the form that the data set's own targets have."""
        if self._own["with_target"] is not None:
            return self._own["with_target"](datum, label)
        if self._fields:
            return _with(
                datum, {name: like(_value(datum, name), one) for name, one in zip(self._fields, label, strict=True)}
            )
        target = label if self._example is MISSING else like(self._example, label)
        if self._field is None:
            return (datum[0] if self._is_pair else datum, target)
        return _with(datum, {self._field: target})

    def of_inputs(self, inputs: Tensor) -> Any:
        """Return the datum of a new point, which has no target yet.

        Raises:
            StrategyError: A datum is more than a tensor of inputs and a target.
        """
        if self._field is not None or self._fields:
            raise StrategyError(
                "a new point was chosen, but a datum has fields: choose a datum with a uuid in its place"
            )
        return (inputs, None) if self._is_pair else inputs

    def uuid(self, datum: Any) -> str | None:
        """Return the uuid that a datum, or its inputs, brings along; ``None`` where it has none."""
        for holder in (datum, datum[0]) if self._is_pair and _is_pair(datum) else (datum,):
            found = holder.get("uuid") if isinstance(holder, Mapping) else getattr(holder, "uuid", None)
            if found is not None:
                return str(found)
        return None


def _value(datum: Any, field: str | None) -> Any:
    """Return what a field of a datum holds; ``MISSING`` where there is none, or nothing in it."""
    if field is None:
        return MISSING
    found = datum.get(field) if isinstance(datum, Mapping) else getattr(datum, field, None)
    return MISSING if found is None else found


def _with(datum: Any, values: dict[str, Any]) -> Any:
    """Return ``datum`` with other ``values`` in some fields."""
    if isinstance(datum, Mapping):
        return {**datum, **values}
    if dataclasses.is_dataclass(datum) and not isinstance(datum, type):
        return dataclasses.replace(datum, **values)
    if hasattr(datum, "_replace"):
        return datum._replace(**values)
    same = copy(datum)
    for name, value in values.items():
        setattr(same, name, value)
    return same


def _hint(first: Any) -> str:
    names = list(first) if isinstance(first, Mapping) else [name for name in vars(first) if not name.startswith("_")]
    likely = next(iter(nearest("target", map(str, names)) or nearest("label", map(str, names))), None)
    return f"data.target_field={likely or (names[-1] if names else 'y')}; fields: {', '.join(map(str, names))}"
