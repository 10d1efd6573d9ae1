"""The pool of what has been labeled so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import DatumSource, Source
from alrun.core.request import Request, request_of
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.pool.growing import GrowingTensor
from alrun.pool.labels import (
    MISSING,
    encode_task_labels,
    missing_value,
    refuse_unlabeled,
    stack_points,
    unknown_labels,
)
from alrun.pool.rows import Rows, as_rows, has_repeats
from alrun.pool.subset import embeddings_of
from alrun.pool.targets import GivenTargets, KeptTargets, LargeRows, TensorTargets, is_large

__all__ = ["TrainingPool"]


class TrainingPool:
    """Labeled data, in the order in which their (first) labels came, with the labels that the label strategy returned.

    Inputs stay in the source, except those of new points and data that no source holds: these are kept here, and have
    the indices -1, -2, … in the order of their arrival. Of rows of tensors a datum is ``(x, y)`` with ``x``
    ``[*input_shape]`` ``float32`` and ``y`` a 0-d ``int64`` class, ``[T]`` ``int64`` classes of several tasks, ``[L]``
    ``int64`` marks of labels, or ``[T]`` ``float32``; else it is the source's, with the label in the place of its
    target. Where labels are bought one task at a time, those that are missing are -1, or NaN. Of an open set, rows that
    are labeled *unknown* are set apart: a learner knows its classes alone.

    Attributes:
        source: The data.
        spec: Its tasks and shapes.
        datum_source: The same, where a datum is no row of tensors; else ``None``.
        by_task: Whether labels are bought one task at a time.
        newest: Positions that the last ``extend`` brought labels for, ``[k]`` ``int64``, ascending.
        newest_unknown: Rows that it set apart, ``[u]`` ``int64``.
    """

    def __init__(self, source: Source, labeled: Rows = (), *, by_task: bool = False) -> None:
        """Start with the rows ``labeled`` of ``source``, whose labels the data set ships; by default with none."""
        self.source, self.spec, self.by_task = source, source.spec, by_task
        self.datum_source = source if isinstance(source, DatumSource) else None
        self.newest = self.newest_unknown = torch.empty(0, dtype=torch.int64)
        self._held = torch.zeros(len(source), dtype=torch.bool)
        self._indices, self._unknown = GrowingTensor((), torch.int64), GrowingTensor((), torch.int64)
        self._by_task = TensorTargets(self.spec) if by_task else None
        self._targets: KeptTargets = _kept(source) if self._by_task is None else self._by_task
        self._points = GrowingTensor(self.spec.input_shape, torch.float32)
        self._new: list[Any] = []
        rows = as_rows(labeled)
        if len(rows):
            self._check_rows(rows)
            targets = source.targets(rows)
            if self.spec.open_set:
                apart = targets == self.spec.num_outputs
                self._set_apart(rows[apart])
                rows, targets = rows[~apart], targets[~apart]
            self._add(rows, targets)

    @property
    def indices(self) -> Tensor:
        """Source rows ``[n]`` ``int64`` in pool order; negative for what no source holds."""
        return self._indices.view

    @property
    def unknown(self) -> Tensor:
        """Source rows that are labeled as of none of the classes, ``[u]`` ``int64``, in the order of their labels."""
        return self._unknown.view

    @property
    def workers(self) -> int:
        """How many processes read and collate; 0 for none beside this one."""
        return self.datum_source.workers if self.datum_source else 0

    @property
    def has_tensors(self) -> bool:
        """Whether a batch is ``(x, y)`` of tensors, read by row numbers."""
        return self.datum_source is None

    def __len__(self) -> int:
        """Return the number of labeled data."""
        return len(self._indices)

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``; negative positions count from the end."""
        try:
            place = range(len(self))[position]
        except IndexError:
            raise IndexError(f"position {position} of a training pool of {len(self)}") from None
        if self.datum_source:
            return self.data([place])[0]
        return self._lookup(self.indices[place : place + 1])[0], self._targets[place]

    def __getitems__(self, positions: Rows) -> Any:
        """Return ``(x [n, *input_shape], y [n] or [n, T])`` at ``positions``; of other data a list of them."""
        return self.data(positions) if self.datum_source else (self.inputs(positions), self.targets(positions))

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the data in pool order."""
        return (self[position] for position in range(len(self)))

    def data(self, positions: Rows, key: int = 0) -> list[Any]:
        """Return the data at ``positions``; whatever is random in them is a function of ``key`` and the row."""
        source, chosen = self.datum_source, as_rows(positions)
        if source is None:
            return [self[position] for position in chosen.tolist()]
        rows = self.indices.index_select(0, chosen)
        known = iter(source.data(rows[rows >= 0], key))
        data = [self._new[-1 - row] if row < 0 else next(known) for row in rows.tolist()]
        return [
            source.labeled(datum, self._targets[position])
            for datum, position in zip(data, chosen.tolist(), strict=True)
        ]

    def batch(self, positions: Rows, key: int = 0) -> Any:
        """Return one minibatch at ``positions``; whatever is random in it is a function of ``key`` and the rows."""
        if self.datum_source:
            return self.datum_source.collate(self.data(positions, key))
        return self.__getitems__(positions)

    def inputs(self, positions: Rows) -> Any:
        """Return the inputs ``[n, *input_shape]`` ``float32`` at ``positions``, or one minibatch of any other kind."""
        if self.datum_source:
            return self.datum_source.inputs_of(self.data(positions))
        return self._lookup(self.indices.index_select(0, as_rows(positions)))

    def targets(self, positions: Rows) -> Tensor:
        """Return the labels ``[n]`` ``int64`` or ``[n, T]`` ``float32`` at ``positions``."""
        return self._targets.select(as_rows(positions))

    def shipped_embeddings(self, positions: Rows) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that the data set ships, at ``positions``; ``None`` without any.

        Raises:
            StrategyError: One is a new point, which no data set ships.
        """
        return embeddings_of(self.source, self.indices.index_select(0, as_rows(positions)))

    def append(self, item: Annotation | tuple[Any, Any]) -> None:
        """Add one labeled annotation, or a new point given as ``(x, y)``.

        Raises:
            StrategyError: See ``add``.
        """
        self.extend([item if isinstance(item, Annotation) else Annotation(torch.as_tensor(item[0]), item[1])])

    def extend(self, annotations: Sequence[Annotation]) -> None:
        """Add labeled annotations, all or none of them.

        Raises:
            StrategyError: One is not labeled; or see ``add``.
        """
        refuse_unlabeled(annotations)
        self.add([request_of(one.item, self.spec) for one in annotations], [one.target for one in annotations])

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Refuse labels that the pool could not take, before they are acknowledged; adds nothing.

        Raises:
            StrategyError: A label is not what the data's ``TaskSpec`` asks for.
        """
        labeled = [one for one in annotations if one.status is LabelStatus.LABELLED]
        targets = [one.target for one in labeled]
        if labeled and self.by_task:
            encode_task_labels(targets, self._numbered([request_of(one.item, self.spec) for one in labeled]), self.spec)
        elif labeled:
            self._targets.checked(targets)

    def add(self, requests: Sequence[Request], targets: Sequence[Any]) -> None:
        """Add the labels of ``requests``, all or none of them.

        Raises:
            StrategyError: A row is unknown or has a label already; or a label, point or datum does not fit the data.
        """
        if self._by_task is not None:
            self._add_tasks(self._by_task, requests, targets)
            return
        if any(one.task is not None for one in requests):
            raise StrategyError("whole rows are labeled here, not single tasks of them")
        requests, targets, unknown = self._sorted(requests, targets)
        checked = self._targets.checked(targets) if targets else []
        is_new = torch.tensor([one.row is None for one in requests], dtype=torch.bool)
        new = self._made([one for one in requests if one.row is None])
        indices = torch.empty(len(requests), dtype=torch.int64)
        indices[~is_new] = as_rows([one.row for one in requests if one.row is not None])
        self._check_rows(torch.cat([indices[~is_new], unknown]))
        indices[is_new] = -1 - len(self._points) - len(self._new) - torch.arange(len(new))
        self._set_apart(unknown)
        self._add(indices, checked, new)
        self.newest = torch.arange(len(self) - len(requests), len(self))

    def _sorted(
        self, requests: Sequence[Request], targets: Sequence[Any]
    ) -> tuple[Sequence[Request], Sequence[Any], Tensor]:
        """Return requests and labels of the classes, and the other rows; new points of no class are kept nowhere."""
        apart = unknown_labels(targets, self.spec)
        if not apart.any():
            return requests, targets, torch.empty(0, dtype=torch.int64)
        unknown = [requests[place].row for place in apart.nonzero()[:, 0].tolist()]
        kept = (~apart).nonzero()[:, 0].tolist()
        rows = as_rows([row for row in unknown if row is not None])
        return [requests[place] for place in kept], [targets[place] for place in kept], rows

    def _set_apart(self, rows: Tensor) -> None:
        self._held[rows] = True
        self._unknown.extend(rows)
        self.newest_unknown = rows

    def _made(self, requests: Sequence[Request]) -> Any:
        """Return the data, or inputs, of requests for what the source does not hold."""
        if self.datum_source:
            return self.datum_source.made(requests) if requests else []
        if any(one.point is None for one in requests):
            raise StrategyError("a label request must be a row number or the inputs of a new point")
        return stack_points([one.point for one in requests], self.spec)

    def _add(self, indices: Tensor, targets: Any, new: Any = ()) -> None:
        self._held[indices[indices >= 0]] = True
        self._indices.extend(indices)
        if len(indices):
            self._targets.extend(targets)
        if self.datum_source:
            self._new += new
        elif len(new):
            self._points.extend(new)

    def _add_tasks(self, targets: TensorTargets, requests: Sequence[Request], labels: Sequence[Any]) -> None:
        tasks = self._numbered(requests)
        values = encode_task_labels(labels, tasks, self.spec)
        rows = as_rows([one.row for one in requests if one.row is not None])
        fresh = as_rows(list(dict.fromkeys(row for row in rows.tolist() if not self._holds(row))))
        if has_repeats(rows * len(self.spec.tasks) + tasks):
            raise StrategyError("a task of a row was labeled twice in one batch")
        held = ~torch.isin(rows, fresh)
        before = targets.view[self._positions(rows[held]), tasks[held]]
        known = ~before.isnan() if self.spec.task is Task.REGRESSION else before != MISSING
        if known.any():
            raise StrategyError(f"a task of row {int(rows[held][known][0])} has a label already")
        self._check_rows(fresh)
        missing = torch.full((len(fresh), len(self.spec.tasks)), missing_value(self.spec), dtype=values.dtype)
        self._add(fresh, missing)
        positions = self._positions(rows)
        targets.view[positions, tasks] = values
        self.newest = positions.unique()

    def _numbered(self, requests: Sequence[Request]) -> Tensor:
        """Return the numbers of the tasks that are asked for, ``[n]`` ``int64``."""
        names = [part.name for part in self.spec.tasks]
        for one in requests:
            if one.task is None or one.row is None:
                raise StrategyError(f"a request must name a row and a task here, as in (12, 0), not {one.item!r:.200}")
        return torch.tensor([names.index(one.task) for one in requests if one.task is not None], dtype=torch.int64)

    def _holds(self, row: int) -> bool:
        return 0 <= row < len(self._held) and bool(self._held[row])

    def _positions(self, rows: Tensor) -> Tensor:
        where = torch.full((len(self._held),), -1)
        where[self.indices] = torch.arange(len(self))
        return where[rows]

    def _check_rows(self, rows: Tensor) -> None:
        unknown = (rows < 0) | (rows >= len(self._held))
        if unknown.any():
            raise StrategyError(f"row {int(rows[unknown][0])} is not one of the data's {len(self._held)} rows")
        if self._held[rows].any():
            raise StrategyError(f"row {int(rows[self._held[rows]][0])} has a label already")
        if has_repeats(rows):
            raise StrategyError("a row was labeled twice in one batch")

    def _lookup(self, rows: Tensor) -> Tensor:
        if len(self._points) == 0:
            found: Tensor = self.source.inputs(rows)
            return found
        new = rows < 0
        found = torch.empty((len(rows), *self.spec.input_shape))
        found[~new] = self.source.inputs(rows[~new])
        found[new] = self._points.view[-1 - rows[new]]
        return found


def _kept(source: Source) -> KeptTargets:
    if isinstance(source, DatumSource):
        return GivenTargets(source.spec)
    return (
        LargeRows(source.spec.num_outputs, source.spec.target_origin)
        if is_large(source.spec)
        else TensorTargets(source.spec)
    )
