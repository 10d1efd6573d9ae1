"""The pool of what has been labelled so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.data.growing import GrowingTensor
from alrun.data.labels import encode_targets, is_point, refuse_unlabelled, row_number, stack_points
from alrun.data.large import LargeRows, is_large
from alrun.data.rows import RowSource, as_rows, has_repeats, shipped_embeddings

__all__ = ["TrainingPool"]


class TrainingPool:
    """Labelled rows, in the order in which their labels came, with the labels that the label strategy returned.

    Inputs stay in the source, except those of new points that no source holds: these are kept here, and have the
    indices -1, -2, … in the order of their arrival. A datum is ``(x, y)`` with ``x`` ``[*input_shape]`` ``float32`` and
    ``y`` a 0-d ``int64`` class, ``[T]`` ``int64`` classes of several tasks, or ``[T]`` ``float32``.
    """

    def __init__(self, source: RowSource, labeled: Sequence[int] | Tensor = ()) -> None:
        """Start with the rows ``labeled`` of ``source``, whose labels the data set ships; by default with none."""
        self.spec = source.spec
        self._source = source
        self._held = torch.zeros(len(source), dtype=torch.bool)
        classify = source.spec.task is Task.CLASSIFICATION
        self._indices = GrowingTensor((), torch.int64)
        several = (len(source.spec.tasks),) if source.spec.tasks else ()
        shape = several if classify else (source.spec.num_outputs,)
        self._targets: Any = GrowingTensor(shape, torch.int64 if classify else torch.float32)
        if is_large(source.spec):
            self._targets = LargeRows(source.spec.num_outputs)
        self._points = GrowingTensor(source.spec.input_shape, torch.float32)
        rows = as_rows(labeled)
        self._add(rows, source.targets(rows))

    @property
    def indices(self) -> Tensor:
        """Source rows ``[n]`` ``int64`` in pool order; negative for new points."""
        return self._indices.view

    def __len__(self) -> int:
        """Return the number of labelled rows."""
        return len(self._indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        """Return the datum at ``position``; negative positions count from the end."""
        row = self.indices[position : position + 1 or None]
        if len(row) == 0:
            raise IndexError(f"position {position} of a training pool of {len(self)}")
        return self._lookup(row)[0], self._targets[position]

    def __getitems__(self, positions: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch ``(x [n, *input_shape], y [n] or [n, T])`` at ``positions``."""
        chosen = as_rows(positions)
        return self.inputs(chosen), self.targets(chosen)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over the data in pool order."""
        return (self[position] for position in range(len(self)))

    def inputs(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions``."""
        return self._lookup(self.indices.index_select(0, as_rows(positions)))

    def shipped_embeddings(self, positions: Sequence[int] | Tensor) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that the data set ships, at ``positions``; ``None`` without any.

        Raises:
            StrategyError: One is a new point, which no data set ships.
        """
        return shipped_embeddings(self._source, self.indices.index_select(0, as_rows(positions)))

    def targets(self, positions: Sequence[int] | Tensor) -> Tensor:
        """Return the labels ``[n]`` ``int64`` or ``[n, T]`` ``float32`` at ``positions``."""
        targets: Tensor = self._targets.select(as_rows(positions))
        return targets

    def append(self, item: Annotation | tuple[Any, Any]) -> None:
        """Add one labelled annotation, or a new point given as ``(x, y)``.

        Raises:
            StrategyError: See ``extend``.
        """
        self.extend([item if isinstance(item, Annotation) else Annotation(torch.as_tensor(item[0]), item[1])])

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Refuse labels that the pool could not take, before they are acknowledged; adds nothing.

        Raises:
            StrategyError: A label is not what the data's ``TaskSpec`` asks for.
        """
        targets = [one.target for one in annotations if one.status is LabelStatus.LABELLED]
        if targets:
            self._as_held(targets)

    def extend(self, annotations: Sequence[Annotation]) -> None:
        """Add labelled annotations, all or none of them.

        Raises:
            StrategyError: One is not labelled, its row is unknown or has a label already, or its label or point is
                not what the data's ``TaskSpec`` asks for.
        """
        if not annotations:
            return
        refuse_unlabelled(annotations)
        new = torch.tensor([is_point(one.item) for one in annotations])
        points = stack_points([one.item for one in annotations if is_point(one.item)], self.spec)
        indices = torch.empty(len(annotations), dtype=torch.int64)
        indices[~new] = as_rows([row_number(one.item) for one in annotations if not is_point(one.item)])
        self._check_new(indices[~new])
        indices[new] = -1 - len(self._points) - torch.arange(len(points))
        self._add(indices, self._as_held([one.target for one in annotations]), points)

    def _as_held(self, targets: Sequence[Any]) -> Any:
        """Return labels as they are kept, or raise ``StrategyError``."""
        if isinstance(self._targets, LargeRows):
            return self._targets.checked(targets)
        return encode_targets(targets, self.spec)

    def _add(self, indices: Tensor, targets: Any, points: Tensor | None = None) -> None:
        rows = indices[indices >= 0]
        self._check_new(rows)
        self._held[rows] = True
        self._indices.extend(indices)
        self._targets.extend(targets)
        if points is not None:
            self._points.extend(points)

    def _check_new(self, rows: Tensor) -> None:
        unknown = (rows < 0) | (rows >= len(self._held))
        if unknown.any():
            raise StrategyError(f"row {int(rows[unknown][0])} is not one of the data's {len(self._held)} rows")
        if self._held[rows].any():
            raise StrategyError(f"row {int(rows[self._held[rows]][0])} has a label already")
        if has_repeats(rows):
            raise StrategyError("a row was labelled twice in one batch")

    def _lookup(self, rows: Tensor) -> Tensor:
        if len(self._points) == 0:
            return self._source.inputs(rows)
        new = rows < 0
        found = torch.empty((len(rows), *self.spec.input_shape))
        found[~new] = self._source.inputs(rows[~new])
        found[new] = self._points.view[-1 - rows[new]]
        return found
