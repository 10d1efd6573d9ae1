"""Custom torch ``Dataset``: data of any type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.batches import collated
from alrun.core.errors import StrategyError
from alrun.core.reading import read
from alrun.core.request import Request
from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task, TaskPart, TaskSpec
from alrun.data.custom_checks import (
    cheap_embeddings,
    cheap_targets,
    check_class_targets,
    check_classes,
    check_dataset,
    check_offsets,
)
from alrun.data.datum import MISSING, DatumForm
from alrun.data.fingerprint import update_dataset
from alrun.data.problems import fail, parse_task
from alrun.data.shipped import Embeddings
from alrun.data.split import check_sizes, split_rows
from alrun.data.uuids import Names
from alrun.pool.labels import encode_targets, num_classes
from alrun.pool.rows import Rows, as_rows
from alrun.pool.targets import is_large

__all__ = ["OwnDataset"]

SAMPLED_ROWS = 64
TARGETS_READ = 256


class OwnDataset:
    """A custom map-style data set, split into pools; a datum may have any type.

    * A datum is ``(x, y)``; a mapping or an object with a field for the target; or inputs alone, whose labels come from
      the label strategy. The label that was bought stands in the place of the target in what the learner trains on.
    * A minibatch is made by ``collate``: the config's, else the data set's, else that of the data's type, else torch's.
    * A datum may have a ``uuid``: an attribute, a key, or the data set's method ``uuid(index)``; else its index serves.
      ``from_uuid(uuid)`` of the data set, or of the data's type, makes data that the data set does not hold.
    * The data set may have ``targets`` (one per datum: cheap classes for the split), ``embeddings`` (``[N, d]``, to
      compare data by), ``fingerprint`` (text, or a method), ``with_target(datum, label)`` and ``inputs_of(batch)``.

    Attributes:
        task: ``None``: only the config tells.
        dataset: The data set.
        spec: What a learner must know of it; ``input_shape`` is that of the first datum's inputs where they are a
            tensor, else empty.
        form: How a datum is taken apart.
        names: The uuids of the data.
        workers: Processes that read and collate; 0 for none beside this one.
        partial_labels: Whether labels are bought one task at a time.
    """

    task: ClassVar[Task | None] = None

    def __init__(
        self,
        dataset: Any,
        *,
        task: str = "classification",
        num_outputs: int | None = None,
        target_field: str | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        workers: int = 0,
        fingerprint: str = "sample",
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float = 0.2,
        tasks: Mapping[str, int] | None = None,
        partial_labels: bool = False,
        target_origin: float | None = None,
    ) -> None:
        """Look at the first datum, and at ``dataset.targets`` where there are such.

        Args:
            dataset: Has ``__len__`` and ``__getitem__(index)``, or ``__getitems__(indices)`` too, which is preferred.
            task: ``classification``, ``regression`` or ``multi_label``.
            num_outputs: Number of classes, of target values or of labels; ``None`` for what the targets say.
            target_field: Key or attribute of a datum that is its target; ``None`` for pairs.
            collate: From a list of data to a minibatch.
            workers: Processes that read and collate. Batches are the same for any number.
            fingerprint: How a change of the data is noticed when a run goes on, unless the data set brings its own:
                ``sample`` looks at up to 64 data, ``all`` at each.
            labeled: Rows whose labels are known from the start.
            tasks: Several tasks of the same inputs, by name, each with the number of its classes, or 1 for a number.
                Without a ``target_field`` the fields of a datum that is no pair are called like them; else a target
                has one value per task, in this order.
            partial_labels: Whether requests name a row and one of several tasks, rather than all tasks of a row.
            target_origin: What is subtracted in ``float64`` from labels that are bought, and added to what is said of
                them again, where they lie so far from 0 that ``float32`` loses how they differ. Only for data without
                targets of their own: these go to learners as they are.
            validation_size: Rows for validation: a fraction below 1 or a count; 0 for no validation pool.
            test_size: Rows for test, likewise.

        Raises:
            DataError: It is no map-style data set, has no data, or its targets do not fit.
        """
        check_dataset(dataset, workers, fingerprint)
        self.dataset, self.workers = dataset, workers
        self._collate, self._sampled = collate, fingerprint == "sample"
        self.validation_size, self.test_size = validation_size, test_size
        self._labeled = np.asarray([] if labeled is None else list(labeled), dtype=np.int64)
        self.partial_labels = partial_labels
        first = self.data([0])[0]
        self.form = DatumForm(dataset, first, target_field, tuple(tasks or ()))
        self._targets = cheap_targets(dataset)
        self.spec = self._spec(parse_task(task) or Task.CLASSIFICATION, num_outputs, tasks or {}, first)
        if target_origin:
            self.spec = self._counted_from(target_origin, first)
        self.names = Names(dataset, self.form, self.data)
        vectors = cheap_embeddings(dataset)
        self._vectors = None if vectors is None else Embeddings(vectors, len(dataset))
        self._read: Tensor | None = None
        self._is_read = torch.zeros(0, dtype=torch.bool)
        self._check_rows()

    def __len__(self) -> int:
        """Return the number of data."""
        return len(self.dataset)

    def data(self, rows: Rows, key: int = 0) -> list[Any]:
        """Return the data at ``rows``; whatever is random in them is a function of ``key`` and the row."""
        return list(read(self.dataset, as_rows(rows).tolist(), key)) if len(rows) else []

    def collate(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of ``data``."""
        return self._collate(list(data)) if self._collate is not None else collated(data, self.dataset)

    def inputs_of(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of the inputs of ``data``: without targets."""
        data = [self.form.as_shipped(datum) for datum in data]
        owners = (self._collate, getattr(self.dataset, "collate", None), getattr(type(data[0]), "collate", None))
        if any(callable(owner) for owner in owners):
            # A collate of the user's own expects data as they are; the targets are taken off its minibatch.
            return self.form.inputs(self.collate(data))
        return self.collate([self.form.inputs(datum) for datum in data])

    def inputs(self, rows: Rows) -> Any:
        """Return one minibatch of the inputs of ``rows``."""
        return self.inputs_of(self.data(rows))

    def targets(self, rows: Rows) -> Tensor:
        """Return the data set's own targets of ``rows``, ``[n]`` ``int64`` classes, or ``[n, T]``.

        They are read once and kept, unless they are large.

        Raises:
            StrategyError: A datum has no target, or it is not what the task asks for.
        """
        chosen = as_rows(rows)
        if self._targets is not None:
            return encode_targets(list(self._targets[chosen.numpy()]), self.spec)
        if is_large(self.spec) or len(chosen) == 0:
            return self.targets_of(self.data(chosen))
        for part in self._unread(chosen).split(TARGETS_READ):
            found = self.targets_of(self.data(part))
            if self._read is None:
                self._read = torch.zeros((len(self), *found.shape[1:]), dtype=found.dtype)
                self._is_read = torch.zeros(len(self), dtype=torch.bool)
            self._read[part], self._is_read[part] = found, True
        kept: Tensor = self.targets_of([]) if self._read is None else self._read.index_select(0, chosen)
        return kept

    def _unread(self, rows: Tensor) -> Tensor:
        unread: Tensor = (rows if self._read is None else rows[~self._is_read[rows]]).unique()
        return unread

    def targets_of(self, data: Sequence[Any]) -> Tensor:
        """Return the targets that ``data`` ship with, as ``targets`` does."""
        found = [self.form.target(datum) for datum in data]
        if any(target is MISSING for target in found):
            raise StrategyError("a datum has no target of its own\n    → label=function, or another strategy that asks")
        targets: Tensor = encode_targets(found, self.spec)
        return targets

    def embeddings(self, rows: Rows) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that ``rows`` come with; ``None`` where there are none."""
        return None if self._vectors is None else self._vectors.read(as_rows(rows))

    def batch(self, rows: Rows, key: int = 0) -> Any:
        """Return one minibatch of the data at ``rows``; whatever is random in them is a function of ``key``."""
        return self.collate(self.data(rows, key))

    def without_target(self, datum: Any) -> Any:
        """Return ``datum`` as a query may see it."""
        return self.form.inputs(datum)

    def labeled(self, datum: Any, label: Any) -> Any:
        """Return ``datum`` with ``label``, counted from the origin, in the place of its target."""
        if self.spec.target_origin:
            above = np.asarray(label, dtype=np.float64) - np.reshape(self.spec.target_origin, np.shape(label))
            label = above if above.ndim else above.item()
        return self.form.labelled(datum, label)

    def made(self, requests: Sequence[Request]) -> list[Any]:
        """Return the data that ``requests`` ask for: rows, uuids of new data, inputs of new points.

        Raises:
            StrategyError: A new point, where a datum is more than its inputs and their target.
        """
        rows = iter(self.data([one.row for one in requests if one.row is not None]))
        return [next(rows) if one.row is not None else self.names.new(one) for one in requests]

    def uuids(self, rows: Sequence[int]) -> list[str]:
        """Return the uuids of ``rows``; the row numbers as text where the data have none."""
        return self.names.uuids(rows)

    def uuid_of(self, datum: Any) -> str | None:
        """Return the uuid that ``datum`` brings along; ``None`` where it has none."""
        return self.form.uuid(datum)

    def row_of(self, uuid: str) -> int | None:
        """Return the row whose uuid this is; ``None`` where there is none. The first call asks for all uuids."""
        return self.names.row_of(uuid)

    def rebuilt(self, uuid: str) -> Any:
        """Return the datum of ``uuid``, which the data set need not hold; see ``Names.rebuilt``."""
        return self.names.rebuilt(uuid)

    def split(self, seeds: Seeds) -> Split:
        """Return the rows of each pool, from the split stream of ``seeds``; stratified where classes are known."""
        return split_rows(self._strata(), self.validation_size, self.test_size, seeds, self._labeled)

    def fingerprint(self) -> str:
        """Return a SHA-256 of the data: the data set's own fingerprint, or else the data looked at, one by one."""
        digest = hashlib.sha256(repr((self.spec, len(self), self._labeled.tolist(), *self.spec.tasks)).encode())
        update_dataset(digest, self.dataset, self._targets, SAMPLED_ROWS if self._sampled else None)
        for part in self._vectors.content() if self._vectors else ():
            digest.update(part)
        return digest.hexdigest()

    def _spec(self, task: Task, num_outputs: int | None, tasks: Mapping[str, int], first: Any) -> TaskSpec:
        inputs = self.form.inputs(first)
        shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else ()
        if task is Task.SEGMENTATION:
            raise fail("masks of pixels are read from arrays", "data.task", "data=arrays data.task=segmentation")
        if tasks and task is Task.MULTI_LABEL:
            raise fail("several labels are one task", "data.tasks", "data.tasks=null")
        if tasks:
            parts = tuple(TaskPart(str(name), task, int(count)) for name, count in tasks.items())
            return TaskSpec(task, shape, sum(part.num_outputs for part in parts), tasks=parts)
        return TaskSpec(task, shape, num_outputs or self._counted(task, self.form.target(first)))

    def _counted_from(self, origin: float, first: Any) -> TaskSpec:
        if self.spec.task is not Task.REGRESSION:
            raise fail("classes have no origin", "data.target_origin", "data.target_origin=null")
        if self.form.target(first) is not MISSING:
            what = "the data have targets of their own, which go to learners as they are"
            raise fail(
                what, "data.target_origin", f"data.target_origin=null, and return y - {origin:.15g} as the target"
            )
        return replace(self.spec, target_origin=(float(origin),) * self.spec.num_outputs)

    def _counted(self, task: Task, target: Any) -> int:
        if task is not Task.CLASSIFICATION and target is not MISSING:
            return int(np.prod(getattr(target, "shape", None) or np.shape(target)))
        if task is Task.CLASSIFICATION and self._targets is not None:
            return int(self._targets.max()) + 1
        nouns = {Task.CLASSIFICATION: "the number of classes", Task.MULTI_LABEL: "the number of labels"}
        what = f"{nouns[task]} is unknown" if task in nouns else "there is no target"
        raise fail(what, "data.num_outputs", "data.num_outputs=10")

    def _strata(self) -> npt.NDArray[np.int64]:
        if self.spec.task is Task.CLASSIFICATION and self._targets is not None:
            first: npt.NDArray[np.int64] = self._targets.reshape(len(self), -1)[:, 0].astype(np.int64)
            return first
        return np.zeros(len(self), dtype=np.int64)

    def _check_classes(self, counts: list[int]) -> None:
        """Refuse targets that are not classes, before a label is bought: all that are cheap, else those of a sample."""
        if self._targets is not None:
            check_classes(self._targets, counts)
        shipped = self._sample()
        check_class_targets([target for target, _ in shipped], [row for _, row in shipped], counts)

    def _sample(self) -> list[tuple[Any, int]]:
        """Return targets that data ship with, and their rows, of a sample."""
        if self.form.target(self.data([0])[0]) is MISSING:
            return []
        rows = np.unique(np.linspace(0, len(self) - 1, min(len(self), SAMPLED_ROWS)).astype(np.int64)).tolist()
        found = [(self.form.target(datum), row) for datum, row in zip(self.data(rows), rows, strict=True)]
        return [(target, row) for target, row in found if target is not MISSING]

    def _check_rows(self) -> None:
        if self.spec.task is not Task.REGRESSION:
            self._check_classes(num_classes(self.spec).expand(self.spec.target_shape or (1,)).tolist())
        elif not is_large(self.spec):
            check_offsets(self._targets if self._targets is not None else [one for one, _ in self._sample()])
        outside = self._labeled[(self._labeled < 0) | (self._labeled >= len(self))]
        if len(outside):
            raise fail(f"there is no row {outside[0]}; the data have {len(self)}", "data.labeled", "rows count from 0")
        free = np.delete(self._strata(), np.unique(self._labeled))
        check_sizes(np.bincount(free, minlength=1), self.validation_size, self.test_size)
