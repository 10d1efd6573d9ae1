"""What may be queried and what is measured on of a data set of the user's own: data of any type, read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Split
from alrun.data.evaluation_pool import EvaluationPool
from alrun.data.large import is_large
from alrun.data.rows import as_rows
from alrun.data.unlabeled_pool import UnlabeledPool

if TYPE_CHECKING:
    from alrun.data.dataset import OwnDataset

__all__ = ["OwnEvaluationPool", "OwnUnlabeledPool"]

TARGETS_READ = 256

Positions = Sequence[int] | Tensor


class OwnUnlabeledPool(UnlabeledPool):
    """Data that may be queried. A datum is what the data set gives, without its target.

    A request is a row number; of a datum that the data set does not hold, its uuid.
    """

    _source: OwnDataset

    def __init__(self, source: OwnDataset, split: Split) -> None:
        """View the rows ``split.train`` of ``source``, of which ``split.labeled`` have their labels already."""
        super().__init__(source, split)
        self.workers = source.workers

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``; negative positions count from the end."""
        return self._source.form.inputs(self._source.data([int(self.indices[position])])[0])

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the data that are in the pool now, in order."""
        return (self[position] for position in range(len(self)))

    def asked_as(self, item: Any) -> int | str:
        """Return how ``item`` is asked for: by row; a datum or uuid that is no row's, by its uuid.

        Raises:
            StrategyError: ``item`` has no uuid, or nobody can make its datum again.
        """
        uuid = item if isinstance(item, str) else self._source.form.uuid(item)
        if uuid is None:
            raise StrategyError(f"a chosen datum must be a row number or have a uuid, not be {item!r}")
        row = self._source.names.row_of(uuid)
        if row is None:
            self._source.names.rebuilt(uuid)
        return uuid if row is None else row

    def uuids(self, items: Sequence[Any]) -> list[str | None]:
        """Return the uuids of requests; ``None`` for new points, which have none."""
        rows = iter(self._source.names.uuids([item for item in items if isinstance(item, int)]))
        return [next(rows) if isinstance(item, int) else item if isinstance(item, str) else None for item in items]

    def gather(self, items: Sequence[Any]) -> Any:
        """Return one minibatch of the inputs of requests: rows, uuids of new data, inputs of new points."""
        return self._source.inputs_of(self._source.names.asked_for(items))


class OwnEvaluationPool(EvaluationPool):
    """Data that are only measured on. A datum is what the data set gives."""

    _source: OwnDataset

    def __init__(self, source: OwnDataset, rows: Tensor) -> None:
        """View ``rows`` of ``source``, in the order given."""
        super().__init__(source, rows)
        self.workers = source.workers
        self._targets: Tensor | None = None

    def __getitem__(self, position: int) -> Any:
        """Return the datum at ``position``; negative positions count from the end."""
        return self._source.data([int(self.indices[position])])[0]

    def __getitems__(self, positions: Positions) -> Any:
        """Return the data at ``positions``, a list."""
        return self._source.data(self.indices.index_select(0, as_rows(positions)))

    def targets(self, positions: Positions) -> Tensor:
        """Return the data set's own targets ``[n]`` or ``[n, T]``; read once and kept, unless they are large."""
        chosen = as_rows(positions)
        if is_large(self.spec):
            return super().targets(chosen)
        if self._targets is None:
            chunks = self.indices.split(TARGETS_READ)
            self._targets = torch.cat([self._source.targets(rows) for rows in chunks])
        return self._targets.index_select(0, chosen)

    def make_batch(self, positions: Tensor, key: int) -> Any:
        """Return one minibatch of the data at ``positions``; always the same, whatever the ``key``."""
        return self._source.collate(self.__getitems__(positions))
