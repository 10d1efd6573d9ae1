"""Open set: rows of the pool that belong to none of the classes which are to be learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from alrun.core.protocols.pool import DatumSource, Source
from alrun.core.row_random import row_uniforms
from alrun.core.suggest import nearest
from alrun.core.types import Split, Task, TaskSpec
from alrun.pool.foreign import is_source
from alrun.pool.subset import embeddings_of
from alrun.pool.view import Change
from alrun.transform.base import Transform, classes_of, drawn_first, without

__all__ = ["OOD"]


class OOD(Transform):
    """Makes some classes of the data unknown, or adds rows of other data to the pool, and lets them be bought.

    The ``K`` known classes are numbered anew; whoever labels answers ``K``, *unknown*, to all other rows. The label is
    paid for, is in the ledger and keeps the row out of the pool, but the learner, which classifies the ``K`` classes,
    does not see it (Ning et al. 2022, LfOSA, arXiv:2201.06758; Park et al. 2022, MQNet, arXiv:2210.07805). What a query
    strategy makes of such rows is its own affair (``query=lfosa``, ``query=similar``). Validation and test rows are of
    known classes alone. Rows out of distribution are marked ``ood``: ``metrology=acquisition`` counts those bought.
    """

    __algorithm__ = 2  # unknown rows are no class to be trained on

    def __init__(
        self,
        classes: Sequence[int | str] | None = None,
        *,
        unknown: float = 0.4,
        source: Source | None = None,
        ratio: float | None = None,
        seed: int | None = None,
    ) -> None:
        """Check the numbers.

        Args:
            classes: Classes that are unknown, by name or number; ``None`` for a share of them, drawn at random.
            unknown: Share of the classes that are unknown, where neither ``classes`` nor a ``source`` is given.
            source: Other data, all rows of which are unknown; of the same input shape.
            ratio: Share of the pool that is out of distribution, at most; ``None`` for all such rows.
            seed: See ``Transform``.

        Raises:
            DataError: One of them makes no sense, or two of them contradict each other.
        """
        super().__init__(seed)
        if classes is not None and source is not None:
            raise self.problem("rows are either of other classes or of another source", "classes", "null")
        if source is not None and (not is_source(source) or isinstance(source, DatumSource)):
            raise self.problem("must be a source whose data are rows of numbers", "source", "null")
        if not 0 < unknown < 1:
            raise self.problem(f"{unknown} is not a share of the classes", "unknown", "0.4")
        if ratio is not None and not 0 < ratio < 1:
            raise self.problem(f"{ratio} is not a share of the pool", "ratio", "0.4")
        self.classes = None if classes is None else list(classes)
        self.unknown, self.source, self.ratio = unknown, source, ratio

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Make classes unknown, or add rows."""
        if source.spec.task is not Task.CLASSIFICATION or source.spec.tasks:
            raise self.problem("needs classes of a single task", "")
        return self._of_classes(source, split, key) if self.source is None else self._of_source(source, split, key)

    def _of_classes(self, source: Source, split: Split, key: int) -> Change:
        spec = source.spec
        chosen = self._chosen(spec, key)
        number = torch.full((spec.num_outputs,), len(chosen.logical_not().nonzero()))
        number[~chosen] = torch.arange(int((~chosen).sum()))
        marks = torch.zeros(len(source), dtype=torch.bool)
        for part in (split.train, split.validation, split.test):
            marks[part] = chosen[classes_of(source, part, self)]
        pooled = torch.zeros_like(marks)
        pooled[split.train] = True
        gone = marks & ~pooled
        rows = split.train[marks[split.train]]
        left = rows[~drawn_first(rows, self._wanted(len(rows), len(split.train) - len(rows)), rows * 0, key)]
        gone[left] = True
        gone[split.labeled] = False
        names = tuple(spec.class_names[one] for one in (~chosen).nonzero()[:, 0].tolist() if spec.class_names)
        note = f"ood: {len(rows) - len(left)} of {len(split.train) - len(left)} rows in the pool are of unknown classes"
        return Change(
            without(split, gone),
            note,
            spec=replace(spec, num_outputs=int((~chosen).sum()), class_names=names, open_set=True),
            relabel=lambda _, targets: number[targets],
            marks={"ood": marks & ~gone},
        )

    def _of_source(self, source: Source, split: Split, key: int) -> Change:
        other = self.source
        assert other is not None  # noqa: S101 - only then it is called
        if isinstance(source, DatumSource):
            raise self.problem("other data can be added to rows of numbers only", "source", "null")
        if other.spec.input_shape != source.spec.input_shape:
            what = f"its inputs have shape {other.spec.input_shape}, those of the data {source.spec.input_shape}"
            raise self.problem(what, "source")
        before, everything = len(source), torch.arange(len(other))
        rows = everything[drawn_first(everything, self._wanted(len(other), len(split.train)), everything * 0, key)]
        new = torch.arange(before, before + len(rows))
        marks = torch.zeros(before + len(rows), dtype=torch.bool)
        marks[new] = True
        parts = replace(split, train=torch.cat([split.train, new]))
        return Change(
            parts,
            f"ood: {len(rows)} of {len(parts.train)} rows in the pool are of {type(other).__name__}",
            spec=replace(source.spec, open_set=True),
            added=(_Unknown(other, source.spec), rows),
            marks={"ood": marks},
        )

    def _wanted(self, available: int, known: int) -> Tensor:
        """Return how many rows out of distribution the pool has, as ``[1]``."""
        count = available if self.ratio is None else min(available, round(self.ratio / (1 - self.ratio) * known))
        return torch.tensor([count])

    def _chosen(self, spec: TaskSpec, key: int) -> Tensor:
        """Return which classes are unknown, ``[C]`` ``bool``."""
        count = spec.num_outputs
        chosen = torch.zeros(count, dtype=torch.bool)
        if self.classes is None:
            order = torch.from_numpy(row_uniforms(torch.arange(count), key, draw=1)).argsort(stable=True)
            chosen[order[: max(1, round(self.unknown * count))]] = True
        for one in self.classes or ():
            name = str(one)
            if name in spec.class_names:
                chosen[spec.class_names.index(name)] = True
            elif not spec.class_names and name.isdecimal() and int(name) < count:
                chosen[int(name)] = True
            else:
                known = list(spec.class_names) or [str(number) for number in range(count)]
                near = (nearest(name, known) or known)[:1]
                what = f"there is no class {name!r}; there are {', '.join(known)[:200]}"
                raise self.problem(what, "classes", f"[{near[0]}]")
        if int((~chosen).sum()) < 2:
            what = f"{int(chosen.sum())} of {count} classes are unknown: fewer than two are left to learn"
            raise self.problem(what, "classes" if self.classes is not None else "unknown")
        return chosen


class _Unknown:
    """Rows of other data, whose label is the one after the classes of ``spec``; all of them may be queried."""

    def __init__(self, source: Source, spec: TaskSpec) -> None:
        self._source, self.spec = source, spec

    def __len__(self) -> int:
        return len(self._source)

    def inputs(self, rows: Tensor) -> Tensor:
        found: Tensor = self._source.inputs(rows)
        return found

    def targets(self, rows: Tensor) -> Tensor:
        return torch.full((len(rows),), self.spec.num_outputs)

    def embeddings(self, rows: Tensor) -> Tensor | None:
        return embeddings_of(self._source, rows)

    def fingerprint(self) -> str:
        return self._source.fingerprint()

    def split(self, seeds: object) -> Split:
        none = torch.empty(0, dtype=torch.int64)
        return Split(torch.arange(len(self)), none, none, none)
