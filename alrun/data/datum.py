"""How one datum of a data set of the user's own is taken apart and put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.data.problems import fail, nearest

__all__ = ["MISSING", "DatumForm", "like"]

MISSING = object()
_VALUES = (Tensor, np.ndarray, np.generic, str, bytes, int, float, complex, tuple, list)


def like(example: Any, label: Any) -> Any:
    """Return ``label`` in the form of ``example``, a target of the same data set: its type, dtype and shape."""
    if isinstance(example, Tensor):
        return torch.as_tensor(label).to(example.dtype).reshape(example.shape)
    if isinstance(example, np.ndarray):
        return np.asarray(label, dtype=example.dtype).reshape(example.shape)
    if isinstance(example, bool | int | float) and _size(label) == 1:
        value = label.item() if hasattr(label, "item") else label
        return type(example)(value)
    return label


def _is_pair(datum: Any) -> bool:
    return isinstance(datum, tuple | list) and len(datum) == 2


def _size(value: Any) -> int:
    return int(np.prod(getattr(value, "shape", ())))


class DatumForm:
    """Where a datum has its target and its uuid.

    A datum is a pair ``(x, y)``; or a mapping or an object with a field for the target; or the inputs alone (a tensor,
    text, …), which become pairs when they are labelled. Methods of the data set win: ``with_target(datum, label)``,
    ``inputs_of(batch)`` and ``uuid(index)``.
    """

    def __init__(self, dataset: Any, first: Any, field: str | None) -> None:
        """Look at the ``first`` datum.

        Raises:
            DataError: A mapping or an object, and nobody says which field is the target.
        """
        self._dataset = dataset
        self._field = field
        self._is_pair = field is None and _is_pair(first)
        self._own = {name: getattr(dataset, name, None) for name in ("with_target", "inputs_of", "uuid")}
        if field is None and self._own["with_target"] is None and not isinstance(first, _VALUES):
            raise fail(
                f"a datum is a {type(first).__name__}: which field is the target?", "data.target_field", _hint(first)
            )
        self._example = self.target(first)

    def target(self, datum: Any) -> Any:
        """Return the target that a datum ships with; ``MISSING`` where it has none (or ``None``)."""
        if self._is_pair:
            found = datum[1]
        elif isinstance(datum, Mapping):
            found = datum.get(self._field, MISSING)
        else:
            found = MISSING if self._field is None else getattr(datum, self._field, MISSING)
        return MISSING if found is None else found

    def inputs(self, batch: Any) -> Any:
        """Return what a learner may see for a prediction, of a datum or of a batch: everything but the target.

        An object keeps its target, unless the data set's ``inputs_of`` takes it away.
        """
        if self._own["inputs_of"] is not None:
            return self._own["inputs_of"](batch)
        if self._is_pair and _is_pair(batch):
            return batch[0]
        if isinstance(batch, Mapping) and self._field in batch:
            return {key: value for key, value in batch.items() if key != self._field}
        return batch

    def labelled(self, datum: Any, label: Any) -> Any:
        """Return ``datum`` with ``label`` for its target, in the form that the data set's own targets have."""
        if self._own["with_target"] is not None:
            return self._own["with_target"](datum, label)
        target = label if self._example is MISSING else like(self._example, label)
        if self._field is None:
            return (datum[0] if self._is_pair else datum, target)
        if isinstance(datum, Mapping):
            return {**datum, self._field: target}
        if dataclasses.is_dataclass(datum) and not isinstance(datum, type):
            return dataclasses.replace(datum, **{self._field: target})
        if hasattr(datum, "_replace"):
            return datum._replace(**{self._field: target})
        same = copy(datum)
        setattr(same, self._field, target)
        return same

    def of_inputs(self, inputs: Tensor) -> Any:
        """Return the datum of a new point, which has no target yet.

        Raises:
            StrategyError: A datum is more than a tensor of inputs and a target.
        """
        if self._field is not None:
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


def _hint(first: Any) -> str:
    names = list(first) if isinstance(first, Mapping) else [name for name in vars(first) if not name.startswith("_")]
    likely = next(iter(nearest("target", map(str, names)) or nearest("label", map(str, names))), None)
    return f"data.target_field={likely or (names[-1] if names else 'y')}; fields: {', '.join(map(str, names))}"
