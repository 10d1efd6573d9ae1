"""View of a source that a transformation has changed: rows left out or added, other labels, rows that are marked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import DatumSource, Source
from alrun.core.request import NamedSource, Request
from alrun.core.seeding import Seeds
from alrun.core.types import Split, TaskSpec
from alrun.pool.foreign import notes_of, sells_tasks
from alrun.pool.rows import Rows, as_rows
from alrun.pool.subset import embeddings_of

__all__ = ["Change", "View", "marks_of", "viewed"]

#: Stands in the name of a row that was added, between the name of the row that it was made from and its number.
MADE_FROM = "~"
#: Vectors that are hashed at once.
_CHUNK = 8192


@dataclass(frozen=True)
class Change:
    """What a transformation makes of a source of ``N`` rows.

    Attributes:
        split: Rows of each pool; those that are left out are in none. Added rows have numbers from ``N`` on.
        note: What was done, in one line.
        spec: What the targets are now; ``None`` for what they were.
        added: Another source, or the same one again, and the rows of it ``[m]`` that are added.
        relabel: Returns the targets of rows, given what they were: ``(rows [n], targets [n, ...])``.
        vectors: ``[N, d]`` in the place of inputs, and what rows are compared by; rows of numbers, whatever data were.
        disturb: Returns the inputs of rows, likewise; of sources whose data are rows of tensors.
        marks: Rows that are to be counted among those bought, ``[N + m]`` ``bool`` by name.
    """

    split: Split
    note: str
    spec: TaskSpec | None = None
    added: tuple[Source, Tensor] | None = None
    relabel: Callable[[Tensor, Tensor], Tensor] | None = None
    vectors: npt.NDArray[Any] | None = None
    disturb: Callable[[Tensor, Tensor], Tensor] | None = None
    marks: Mapping[str, Tensor] = field(default_factory=dict)


class View:
    """A source as a transformation has changed it; nothing is copied, and rows keep their numbers.

    Attributes:
        source: What was changed.
        spec: What a learner must know of the data.
        partial_labels: Whether labels are bought one task at a time.
        notes: What was made of the data, and what the transformation did.
        marks: Rows that transformations have marked, ``[N]`` ``bool`` by name.
    """

    def __init__(self, source: Source, change: Change, seeds: Seeds) -> None:
        """View ``source`` with ``change``, which was drawn for ``seeds``."""
        self.source, self._change, self._seeds = source, change, seeds
        self.spec = change.spec or source.spec
        self.partial_labels = sells_tasks(source)
        self.notes: tuple[str, ...] = (*notes_of(source), change.note)
        self._before = len(source)
        self._size = self._before + (0 if change.added is None else len(change.added[1]))
        earlier = {name: self._grown(mark) for name, mark in marks_of(source).items()}
        self.marks = {name: earlier.get(name, False) | mark for name, mark in change.marks.items()}
        self.marks = {**earlier, **self.marks}

    def __len__(self) -> int:
        """Return the number of rows, left out or not."""
        return self._size

    def split(self, seeds: Seeds) -> Split:
        """Return the rows of each pool.

        Raises:
            StrategyError: These are not the seeds that the transformation was drawn for.
        """
        if seeds.seed != self._seeds.seed:
            raise StrategyError(f"the data were transformed for seed {self._seeds.seed}, not for {seeds.seed}")
        return self._change.split

    def inputs(self, rows: Rows) -> Any:
        """Return the inputs ``[n, *input_shape]`` ``float32`` of ``rows``."""
        chosen, vectors = as_rows(rows), self._change.vectors
        if vectors is not None:
            block: Any = torch.from_numpy(np.asarray(vectors[chosen.numpy()], dtype=np.float32))
        else:
            block = self._both(chosen, lambda source, own: source.inputs(own))
        return block if self._change.disturb is None else self._change.disturb(chosen, block)

    def targets(self, rows: Rows) -> Tensor:
        """Return the targets of ``rows``, as the transformation left them."""
        chosen = as_rows(rows)
        found = self._both(chosen, lambda source, own: source.targets(own))
        return found if self._change.relabel is None else self._change.relabel(chosen, found)

    def embeddings(self, rows: Rows) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that ``rows`` come with; ``None`` where some have none."""
        chosen = as_rows(rows)
        if self._change.vectors is not None:
            return View.inputs(self, chosen)  # type: ignore[no-any-return]
        sources = [self.source] if self._change.added is None else [self.source, self._change.added[0]]
        if any(embeddings_of(source, chosen[:0]) is None for source in sources):
            return None
        found: Tensor = self._both(chosen, embeddings_of)
        return found

    def fingerprint(self) -> str:
        """Return a SHA-256 of the data, and of what was made of them."""
        change = self._change
        digest = hashlib.sha256(self.source.fingerprint().encode())
        digest.update(repr((self.spec, self.spec.tasks, change.note, self._size)).encode())
        if change.added is not None:
            digest.update(change.added[0].fingerprint().encode())
            digest.update(change.added[1].numpy().tobytes())
        if change.vectors is not None:
            for start in range(0, len(change.vectors), _CHUNK):
                digest.update(np.ascontiguousarray(change.vectors[start : start + _CHUNK]).tobytes())
        for part in (change.split.train, change.split.validation, change.split.test, change.split.labeled):
            digest.update(part.numpy().tobytes())
        for name, mark in sorted(self.marks.items()):
            digest.update(name.encode())
            digest.update(np.packbits(mark.numpy()).tobytes())
        return digest.hexdigest()

    def _grown(self, mark: Tensor) -> Tensor:
        """Return ``mark`` ``[N]``, with the mark of the row that it was made from for each row that was added."""
        added = self._change.added
        if added is None:
            return mark
        own = mark[added[1]] if added[0] is self.source else torch.zeros(len(added[1]), dtype=torch.bool)
        return torch.cat([mark, own])

    def _both(self, rows: Tensor, read: Callable[[Source, Tensor], Any]) -> Any:
        """Return what ``read`` finds of ``rows`` in the source, and in that of the added rows."""
        added = self._change.added
        is_new = rows >= self._before
        if added is None or not bool(is_new.any()):
            return read(self.source, rows)
        if added[0] is self.source:
            return read(self.source, torch.where(is_new, added[1][(rows - self._before).clamp_min(0)], rows))
        new = read(added[0], added[1][rows[is_new] - self._before])
        found = torch.empty((len(rows), *new.shape[1:]), dtype=new.dtype)
        found[is_new] = new
        if not bool(is_new.all()):
            found[~is_new] = read(self.source, rows[~is_new])
        return found


class NamedView(View):
    """A view of a source whose rows have names; an added row is called after the one that it was made from."""

    source: Any

    def uuids(self, rows: Sequence[int]) -> list[str]:
        """Return the uuids of ``rows``."""
        added = self._change.added
        if added is None:
            return list(self.source.uuids(rows))
        known = iter(self.source.uuids([row for row in rows if row < self._before]))
        others = added[1][as_rows([row - self._before for row in rows if row >= self._before])].tolist()
        names = added[0].uuids(others) if isinstance(added[0], NamedSource) else list(map(str, others))
        new = iter(names)
        return [next(known) if row < self._before else f"{next(new)}{MADE_FROM}{row}" for row in rows]

    def uuid_of(self, datum: Any) -> str | None:
        """Return the uuid that ``datum`` brings along; ``None`` where it has none."""
        found: str | None = self.source.uuid_of(datum)
        return found

    def row_of(self, uuid: str) -> int | None:
        """Return the row whose uuid this is; ``None`` where there is none."""
        found: int | None = self.source.row_of(uuid)
        number = uuid.rpartition(MADE_FROM)[2]
        if found is None and number.isdecimal() and self._before <= int(number) < self._size:
            return int(number) if self.uuids([int(number)]) == [uuid] else None
        return found

    def rebuilt(self, uuid: str) -> Any:
        """Return the datum of ``uuid``, which the source need not hold."""
        return self.source.rebuilt(uuid)


class DatumView(NamedView):
    """A view of a source whose data may be of any type."""

    @property
    def workers(self) -> int:
        """How many processes read and collate; 0 for none beside this one."""
        return int(self.source.workers)

    def inputs(self, rows: Rows) -> Any:
        """Return one minibatch of the inputs of ``rows``."""
        return self.inputs_of(self.data(as_rows(rows)))

    def data(self, rows: Tensor, key: int = 0) -> list[Any]:
        """Return the data at ``rows``, with the targets that the transformation gave them."""
        chosen, added = as_rows(rows), self._change.added
        if added is not None:
            is_new = chosen >= self._before
            chosen = torch.where(is_new, added[1][(chosen - self._before).clamp_min(0)], chosen)
        found: list[Any] = self.source.data(chosen, key)
        if self._change.relabel is None:
            return found
        return [self.labeled(datum, target) for datum, target in zip(found, self.targets(rows), strict=True)]

    def batch(self, rows: Tensor, key: int) -> Any:
        """Return one minibatch of the data at ``rows``."""
        return self.collate(self.data(rows, key))

    def collate(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of ``data``."""
        return self.source.collate(data)

    def without_target(self, datum: Any) -> Any:
        """Return ``datum`` as a query may see it."""
        return self.source.without_target(datum)

    def inputs_of(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of the inputs of ``data``."""
        return self.source.inputs_of(data)

    def labeled(self, datum: Any, label: Any) -> Any:
        """Return ``datum`` with ``label`` in the place of its target."""
        return self.source.labeled(datum, label)

    def made(self, requests: Sequence[Request]) -> list[Any]:
        """Return the data that ``requests`` ask for, those too that the source does not hold."""
        rows = iter(self.data(as_rows([one.row for one in requests if one.row is not None])))
        return [next(rows) if one.row is not None else self.source.made([one])[0] for one in requests]


def viewed(source: Source, change: Change, seeds: Seeds) -> View:
    """Return ``source`` as ``change`` makes it, with what its kind of source has beside rows."""
    if isinstance(source, DatumSource) and change.vectors is None:
        return DatumView(source, change, seeds)
    return (NamedView if isinstance(source, NamedSource) else View)(source, change, seeds)


def marks_of(source: Any) -> Mapping[str, Tensor]:
    """Return the rows of a source that transformations have marked, ``[N]`` ``bool`` by name."""
    return source.marks if isinstance(source, View) else {}
