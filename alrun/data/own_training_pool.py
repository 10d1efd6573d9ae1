"""What has been labelled so far of a data set of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus
from alrun.data.growing import GrowingTensor
from alrun.data.labels import encode_targets, is_point, refuse_unlabelled, row_number
from alrun.data.rows import as_rows, has_repeats

if TYPE_CHECKING:
    from alrun.data.dataset import OwnDataset

__all__ = ["OwnTrainingPool"]

Positions = Sequence[int] | Tensor


class OwnTrainingPool:
    """Labelled data in the order in which their labels came, each with the label that was bought in its target's place.

    Data stay in the data set, except those that it does not hold: these have the indices -1, -2, … in the order of
    their arrival. Labels are kept as they came: large ones are maps of the label log's files.
    """

    def __init__(self, source: OwnDataset, labeled: Positions = ()) -> None:
        """Start with the rows ``labeled`` of ``source``, whose labels the data set ships; by default with none."""
        self.spec, self.workers = source.spec, source.workers
        self._source = source
        self._held = torch.zeros(len(source), dtype=torch.bool)
        self._indices = GrowingTensor((), torch.int64)
        self._labels: list[Any] = []
        self._new: list[Any] = []
        rows = as_rows(labeled)
        self._add(rows, list(source.targets(rows)) if len(rows) else [])

    @property
    def indices(self) -> Tensor:
        """Source rows ``[n]`` ``int64`` in pool order; negative for data that no source holds."""
        return self._indices.view

    def __len__(self) -> int:
        """Return the number of labelled data."""
        return len(self._labels)

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``; negative positions count from the end."""
        return self.data([range(len(self))[position]])[0]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the data in pool order."""
        return (self[position] for position in range(len(self)))

    def data(self, positions: Positions, key: int = 0) -> list[Any]:
        """Return the data at ``positions``; whatever is random in them is a function of ``key`` and the row."""
        chosen = as_rows(positions)
        rows = self.indices.index_select(0, chosen)
        known = iter(self._source.data(rows[rows >= 0], key))
        data = [self._new[-1 - row] if row < 0 else next(known) for row in rows.tolist()]
        labels = [self._labels[position] for position in chosen.tolist()]
        return [self._source.form.labelled(datum, label) for datum, label in zip(data, labels, strict=True)]

    def make_batch(self, positions: Tensor, key: int) -> Any:
        """Return one minibatch of the data at ``positions``, as ``data`` gives them."""
        return self._source.collate(self.data(positions, key))

    def inputs(self, positions: Positions) -> Any:
        """Return one minibatch of the inputs at ``positions``."""
        return self._source.inputs_of(self.data(positions))

    def targets(self, positions: Positions) -> Tensor:
        """Return the labels ``[n]`` ``int64`` or ``[n, T]`` ``float32`` at ``positions``."""
        return encode_targets([self._labels[position] for position in as_rows(positions).tolist()], self.spec)

    def append(self, item: Annotation | tuple[Any, Any]) -> None:
        """Add one labelled annotation, or new inputs given as ``(x, y)``.

        Raises:
            StrategyError: See ``extend``.
        """
        self.extend([item if isinstance(item, Annotation) else Annotation(torch.as_tensor(item[0]), item[1])])

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Refuse labels that the pool could not take, before they are acknowledged; adds nothing.

        Raises:
            StrategyError: A label is not what the data's ``TaskSpec`` asks for.
        """
        for one in annotations:
            if one.status is LabelStatus.LABELLED:
                # One at a time: they may be large.
                encode_targets([one.target], self.spec)

    def extend(self, annotations: Sequence[Annotation]) -> None:
        """Add labelled annotations, all or none of them.

        Raises:
            StrategyError: One is not labelled, its row is unknown or has a label already, or its label is not what the
                data's ``TaskSpec`` asks for.
        """
        refuse_unlabelled(annotations)
        self.check(annotations)
        items = [one.item for one in annotations]
        is_new = torch.tensor([isinstance(item, str) or is_point(item) for item in items], dtype=torch.bool)
        new = self._source.names.asked_for([item for item, fresh in zip(items, is_new.tolist(), strict=True) if fresh])
        indices = torch.empty(len(items), dtype=torch.int64)
        known = [item for item, fresh in zip(items, is_new.tolist(), strict=True) if not fresh]
        indices[~is_new] = as_rows([row_number(item) for item in known])
        indices[is_new] = -1 - len(self._new) - torch.arange(len(new))
        self._add(indices, [one.target for one in annotations])
        self._new += new

    def _add(self, indices: Tensor, labels: list[Any]) -> None:
        rows = indices[indices >= 0]
        if (rows >= len(self._held)).any():
            raise StrategyError(f"row {int(rows.max())} is not one of the data's {len(self._held)} rows")
        if self._held[rows].any():
            raise StrategyError(f"row {int(rows[self._held[rows]][0])} has a label already")
        if has_repeats(rows):
            raise StrategyError("a row was labelled twice in one batch")
        self._held[rows] = True
        self._indices.extend(indices)
        self._labels += labels
