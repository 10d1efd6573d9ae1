"""Your own torch ``Dataset``: data of any type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from alrun.core.batches import collated
from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import Pools
from alrun.core.reading import read
from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task, TaskSpec
from alrun.data.datum import MISSING, DatumForm
from alrun.data.fingerprint import update_dataset
from alrun.data.labels import encode_targets
from alrun.data.own_checks import cheap_targets, check_classes, check_dataset
from alrun.data.own_pools import OwnEvaluationPool, OwnUnlabeledPool
from alrun.data.own_training_pool import OwnTrainingPool
from alrun.data.problems import fail, parse_task
from alrun.data.rows import as_rows
from alrun.data.split import check_sizes, split_rows
from alrun.data.uuids import Names

__all__ = ["OwnDataset"]

SAMPLED_ROWS = 64


class OwnDataset:
    """A map-style data set of the user's own, split into pools; a datum may be anything.

    * A datum is ``(x, y)``; a mapping or an object with a field for the target; or inputs alone, whose labels come from
      the label strategy. The label that was bought stands in the place of the target in what the learner trains on.
    * A minibatch is made by ``collate``: the config's, else the data set's, else that of the data's type, else torch's.
    * A datum may have a ``uuid``: an attribute, a key, or the data set's method ``uuid(index)``; else its index serves.
      ``from_uuid(uuid)`` of the data set, or of the data's type, makes data that the data set does not hold.
    * The data set may have ``targets`` (one a datum: cheap classes for the split), ``fingerprint`` (text, or a method),
      ``with_target(datum, label)`` and ``inputs_of(batch)``.

    Attributes:
        task: ``None``: only the config tells.
        dataset: The data set.
        spec: What a learner must know of it; ``input_shape`` is that of the first datum's inputs where they are a
            tensor, else empty.
        form: How a datum is taken apart.
        names: The uuids of the data.
        workers: Processes that read and collate; 0 for none beside this one.
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
    ) -> None:
        """Look at the first datum, and at ``dataset.targets`` where there are such.

        Args:
            dataset: Has ``__len__`` and ``__getitem__(index)``, or ``__getitems__(indices)`` too, which is preferred.
            task: ``classification`` or ``regression``.
            num_outputs: Number of classes, or of target values; ``None`` for what the targets say.
            target_field: Key or attribute of a datum that is its target; ``None`` for pairs.
            collate: From a list of data to a minibatch.
            workers: Processes that read and collate. Batches are the same for any number.
            fingerprint: How a change of the data is noticed when a run goes on, unless the data set brings its own:
                ``sample`` looks at up to 64 data, ``all`` at each.
            labeled: Rows whose labels are known from the start.
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
        first = self.data([0])[0]
        self.form = DatumForm(dataset, first, target_field)
        self._targets = cheap_targets(dataset)
        self.spec = self._spec(parse_task(task) or Task.CLASSIFICATION, num_outputs, first)
        self.names = Names(dataset, self.form, self.data)
        self._check_rows()

    def __len__(self) -> int:
        """Return the number of data."""
        return len(self.dataset)

    def data(self, rows: Sequence[int] | Tensor, key: int = 0) -> list[Any]:
        """Return the data at ``rows``; whatever is random in them is a function of ``key`` and the row."""
        return list(read(self.dataset, as_rows(rows).tolist(), key)) if len(rows) else []

    def collate(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of ``data``."""
        return self._collate(list(data)) if self._collate is not None else collated(data, self.dataset)

    def inputs_of(self, data: Sequence[Any]) -> Any:
        """Return one minibatch of the inputs of ``data``: without targets."""
        owners = (self._collate, getattr(self.dataset, "collate", None), getattr(type(data[0]), "collate", None))
        if any(callable(owner) for owner in owners):
            # A collate of the user's own expects data as they are; the targets are taken off its minibatch.
            return self.form.inputs(self.collate(data))
        return self.collate([self.form.inputs(datum) for datum in data])

    def inputs(self, rows: Sequence[int] | Tensor) -> Any:
        """Return one minibatch of the inputs of ``rows``."""
        return self.inputs_of(self.data(rows))

    def targets(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the data set's own targets of ``rows``: ``[n]`` ``int64`` classes or ``[n, T]`` ``float32``.

        Raises:
            StrategyError: A datum has no target, or it is not what the task asks for.
        """
        chosen = as_rows(rows)
        if self._targets is not None:
            return encode_targets(list(self._targets[chosen.numpy()]), self.spec)
        return self.targets_of(self.data(chosen))

    def targets_of(self, data: Sequence[Any]) -> Tensor:
        """Return the targets that ``data`` ship with, as ``targets`` does."""
        found = [self.form.target(datum) for datum in data]
        if any(target is MISSING for target in found):
            raise StrategyError("a datum has no target of its own\n    → label=function, or another strategy that asks")
        return encode_targets(found, self.spec)

    def split(self, seeds: Seeds) -> Split:
        """Return the rows of each pool, from the split stream of ``seeds``; stratified where classes are known."""
        return split_rows(self._strata(), self.validation_size, self.test_size, seeds, self._labeled)

    def pools(self, seeds: Seeds) -> Pools:
        """Split the rows and return the pools that view them; ``None`` for validation or test without rows."""
        split = self.split(seeds)
        return Pools(
            training=OwnTrainingPool(self, split.labeled),
            unlabeled=OwnUnlabeledPool(self, split),
            validation=OwnEvaluationPool(self, split.validation) if len(split.validation) else None,
            test=OwnEvaluationPool(self, split.test) if len(split.test) else None,
        )

    def fingerprint(self) -> str:
        """Return a SHA-256 of the data: the data set's own fingerprint, or else the data looked at, one by one."""
        digest = hashlib.sha256(repr((self.spec, len(self), self._labeled.tolist())).encode())
        update_dataset(digest, self.dataset, self._targets, SAMPLED_ROWS if self._sampled else None)
        return digest.hexdigest()

    def _spec(self, task: Task, num_outputs: int | None, first: Any) -> TaskSpec:
        inputs = self.form.inputs(first)
        shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else ()
        return TaskSpec(task, shape, num_outputs or self._counted(task, self.form.target(first)))

    def _counted(self, task: Task, target: Any) -> int:
        if task is Task.REGRESSION and target is not MISSING:
            return int(np.prod(getattr(target, "shape", None) or np.shape(target)))
        if task is Task.CLASSIFICATION and self._targets is not None:
            return int(self._targets.max()) + 1
        what = "the data do not say how many classes there are" if task is Task.CLASSIFICATION else "there is no target"
        raise fail(what, "data.num_outputs", "data.num_outputs=10")

    def _strata(self) -> npt.NDArray[np.int64]:
        if self.spec.task is Task.CLASSIFICATION and self._targets is not None:
            return self._targets.astype(np.int64)
        return np.zeros(len(self), dtype=np.int64)

    def _check_rows(self) -> None:
        if self.spec.task is Task.CLASSIFICATION and self._targets is not None:
            check_classes(self._targets, self.spec.num_outputs)
        outside = self._labeled[(self._labeled < 0) | (self._labeled >= len(self))]
        if len(outside):
            raise fail(f"there is no row {outside[0]} among {len(self)}", "data.labeled", "rows count from 0")
        free = np.delete(self._strata(), np.unique(self._labeled))
        check_sizes(np.bincount(free, minlength=1), self.validation_size, self.test_size)
