"""Base of the data sources: an immutable set of rows, in memory or memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task, TaskSpec
from alrun.data.origins import shifted
from alrun.data.problems import fail
from alrun.data.shipped import Embeddings
from alrun.data.split import check_sizes, split_beside, split_groups, split_rows
from alrun.pool.labels import num_classes
from alrun.pool.rows import as_rows

__all__ = ["ArraySource", "flat_chunks"]

CHUNK_VALUES = 1 << 22


class ArraySource:
    """Inputs and targets by row number.

    Inputs stay where they are: a tensor, or a numpy array, which may be memory-mapped and is then read in the rows
    asked for, or chunk by chunk. Pools view a source and never copy it.

    Attributes:
        task: What the targets of this kind of source are; ``None`` where only the data tell.
        spec: What a learner must know of the data.
        array: The inputs ``[N, *input_shape]`` as they are held, in any real dtype.
        notes: What was made of the data, to be told to the user.
    """

    task: ClassVar[Task | None] = None

    def __init__(
        self,
        inputs: Tensor | npt.NDArray[Any],
        targets: Tensor,
        spec: TaskSpec,
        *,
        validation_size: float = 0.1,
        test_size: float = 0.2,
        labeled: Sequence[int] | None = None,
        scale: float = 1.0,
        partial_labels: bool = False,
        embeddings: Tensor | npt.NDArray[Any] | None = None,
        origins: tuple[float, ...] = (),
        test_rows: npt.NDArray[np.int64] | None = None,
        groups: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Hold the data and check that it can be used.

        Args:
            inputs: ``[N, *input_shape]``, real numbers.
            targets: ``[N]`` ``int64`` classes ``0 … C-1``, ``[N, T]`` ``float32``, or ``[N, T]`` ``int64`` classes of
                several tasks, or marks of labels; of a segmentation ``[N, H, W]`` classes in any integer dtype.
            spec: Task, shapes and names that fit both.
            validation_size: Rows for validation: a fraction below 1 or a count; 0 for no validation pool.
            test_size: Rows for test, likewise.
            labeled: Rows whose labels are known from the start.
            scale: Factor that inputs are multiplied by as they are read, e.g. 1/255 for images of bytes.
            partial_labels: Whether requests name a row and one of several tasks, rather than all tasks of a row.
            embeddings: ``[N, d]`` vectors to compare rows by where no model is at hand.
            origins: What is subtracted from the columns of flat inputs, ``[d]``, or from all values of others, ``[1]``,
                as they are read and before they are scaled; none for nothing.
            test_rows: ``[t]`` rows, ascending, that the data set itself sets apart as its test rows, in place of
                ``test_size`` drawn ones.
            groups: ``[N]`` number of the group of each row, from 0 on: no group is in two parts.

        Raises:
            DataError: Lengths differ, a value is not finite, there is one class only, or too few rows for the split.
        """
        self.array, self._targets, self.spec = inputs, targets, spec
        self.validation_size, self.test_size, self._scale = validation_size, test_size, scale
        self._labeled = np.asarray([] if labeled is None else list(labeled), dtype=np.int64)
        self._origins, self._test_rows, self._groups = origins, test_rows, groups
        self.notes: tuple[str, ...] = ()
        self.partial_labels = partial_labels
        self._vectors = None if embeddings is None else Embeddings(embeddings, len(targets))
        self._fingerprint: str | None = None
        self._check()

    def __len__(self) -> int:
        """Return the number of rows ``N``."""
        return len(self._targets)

    def inputs(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the inputs ``[n, *input_shape]`` ``float32`` of ``rows``; only these are read."""
        return self._read(as_rows(rows))

    def targets(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the targets of ``rows``: ``[n]`` ``int64`` classes or ``[n, T]`` ``float32``."""
        found = self._targets.index_select(0, as_rows(rows))
        return found if found.is_floating_point() else found.long()

    def embeddings(self, rows: Sequence[int] | Tensor) -> Tensor | None:
        """Return the vectors ``[n, d]`` ``float32`` that ``rows`` come with; ``None`` where there are none."""
        return None if self._vectors is None else self._vectors.read(as_rows(rows))

    def split(self, seeds: Seeds) -> Split:
        """Return the rows of each pool, drawn from the split stream of ``seeds``; stratified where classes exist."""
        known = np.unique(self._labeled)
        if self._test_rows is not None:
            return split_beside(self._test_rows, self._strata(), self.validation_size, seeds, known, self._groups)
        if self._groups is not None:
            sizes = self.validation_size, self.test_size
            return split_groups(self._groups, self._strata(), *sizes, seeds, known)
        return split_rows(self._strata(), self.validation_size, self.test_size, seeds, self._labeled)

    def fingerprint(self) -> str:
        """Return the SHA-256 of all bytes of inputs, targets and their description, read once, chunk by chunk."""
        if self._fingerprint is None:
            dtype = str(self.array.dtype).removeprefix("torch.")
            head = (self.spec, tuple(self.array.shape), dtype, self._scale, self._labeled.tolist())
            origins = (self.spec.input_origin, self.spec.target_origin)
            described = repr((*head, *(self.spec.tasks and (self.spec.tasks,)), *(origins if any(origins) else ())))
            if self.spec.mask_shape:
                described += f" masks {self.spec.mask_shape}"
            if self._test_rows is not None:
                described += f" test {self._test_rows.tolist()}"
            if self._groups is not None:
                described += f" groups {self._groups.tolist()}"
            digest = hashlib.sha256(described.encode())
            for block in chain((self.array[chunk] for chunk in self._chunks()), [self._targets]):
                digest.update(_bytes(block).data)
            for part in self._vectors.content() if self._vectors else ():
                digest.update(part)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def _read(self, rows: Tensor | slice) -> Tensor:
        if isinstance(self.array, Tensor):
            block = self.array[rows] if isinstance(rows, slice) else self.array.index_select(0, rows)
            block = block.to(torch.float32)
        else:
            picked = self.array[rows if isinstance(rows, slice) else rows.numpy()]
            if self._origins:
                whole = shifted(flat(picked), self._origins).reshape(picked.shape)
                return torch.from_numpy(whole) if self._scale == 1.0 else torch.from_numpy(whole) * self._scale
            with np.errstate(over="ignore"):
                block = torch.from_numpy(np.array(picked, dtype=np.float32, copy=isinstance(rows, slice) or None))
        return block if self._scale == 1.0 else block * self._scale

    def _chunks(self) -> Iterator[slice]:
        return _slices(tuple(self.array.shape))

    def _strata(self) -> npt.NDArray[np.int64]:
        if self.spec.task is Task.CLASSIFICATION:
            # Of several tasks the first: their combinations may be as many as there are rows.
            strata: npt.NDArray[np.int64] = (self._targets[:, 0] if self.spec.tasks else self._targets).numpy()
            return strata
        return np.zeros(len(self), dtype=np.int64)

    def _check(self) -> None:
        if len(self.array) != len(self._targets):
            raise fail(f"{len(self.array)} rows of inputs, but {len(self._targets)} targets", "data")
        self._check_tasks()
        self._check_values()
        outside = self._labeled[(self._labeled < 0) | (self._labeled >= len(self))]
        if len(outside):
            raise fail(f"there is no row {outside[0]}; the data have {len(self)}", "data.labeled", "rows count from 0")
        tested = np.zeros(0, dtype=np.int64) if self._test_rows is None else self._test_rows
        both = np.intersect1d(self._labeled, tested)
        if len(both):
            raise fail(f"row {both[0]} is a test row: it cannot start labeled", "data.labeled", "data.labeled=null")
        free = np.delete(self._strata(), np.unique(np.concatenate([self._labeled, tested])))
        check_sizes(np.bincount(free, minlength=1), self.validation_size, 0 if len(tested) else self.test_size)

    def _check_tasks(self) -> None:
        hint = "check the target column or array"
        if self.spec.task in (Task.CLASSIFICATION, Task.SEGMENTATION) and self.spec.num_outputs < 2:
            raise fail("all rows are of one class: there is nothing to learn", "data", hint)
        if self.spec.task is Task.MULTI_LABEL and bool((self._targets == self._targets[:1]).all()):
            raise fail("all rows have the same labels: there is nothing to learn", "data", hint)
        for part in self.spec.tasks:
            if part.task is Task.CLASSIFICATION and part.num_outputs < 2:
                raise fail(f"all rows are of one class of {part.name!r}: there is nothing to learn", "data", hint)
        if self.partial_labels and not self.spec.tasks:
            what = "labels by task need several tasks, and the data have only one"
            raise fail(what, "data.partial_labels", "data.partial_labels=false")

    def _check_values(self) -> None:
        for chunk in self._chunks():
            if (row := _first_bad_row(self._read(chunk))) is not None:
                where = f"row {chunk.start + row}"
                raise fail("an input is missing, NaN or infinite", where, "fill it in, or leave the row out")
        for chunk in _slices(tuple(self._targets.shape)):
            block = self._targets[chunk]
            wrong = ~block.isfinite()
            if self.spec.task is not Task.REGRESSION:
                wrong |= (block < 0) | (block >= num_classes(self.spec))
            if wrong.any():
                row = chunk.start + int(wrong.nonzero()[0, 0])
                raise fail("the target is missing, not finite, or not a class", f"row {row}", "leave the row out")


def _bytes(block: Tensor | npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the bytes of ``block``, of any dtype, in its order."""
    if isinstance(block, Tensor):
        raw: npt.NDArray[np.uint8] = block.contiguous().reshape(-1).view(torch.uint8).numpy()
        return raw
    return np.ascontiguousarray(block).reshape(-1).view(np.uint8)


def flat(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``block`` ``[n, ...]`` with its columns as they may have origins: ``[n, d]``, else ``[n · …, 1]``."""
    return block if block.ndim == 2 else block.reshape(-1, 1)


def flat_chunks(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Yield ``array`` ``[N, ...]`` chunk by chunk, each ``flat``."""
    return (flat(array[chunk]) for chunk in _slices(array.shape))


def _slices(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, CHUNK_VALUES // max(1, int(np.prod(shape[1:]))))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def _first_bad_row(block: Tensor) -> int | None:
    """Return the first row of ``block`` ``[n, ...]`` with a value that is not finite; the sum is a fast first test."""
    if block.sum().isfinite():
        return None
    bad = (~block.flatten(1).isfinite().all(dim=1)).nonzero()
    return int(bad[0]) if len(bad) else None
