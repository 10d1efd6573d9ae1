"""Features of a frozen model with labels and names of the rows, as files that ``data=embeddings`` reads."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from alrun.core.errors import DataError, Problem
from alrun.core.protocols.pool import Source
from alrun.core.showing import typed
from alrun.core.types import Task
from alrun.export.folder import write_folder
from alrun.pool.foreign import is_source
from alrun.pool.subset import embeddings_of
from alrun.store.files import Pieces

__all__ = ["FeatureFiles", "feature_files", "width_of"]

VECTORS, NAMES = "embeddings.npy", "uuids.txt"
#: What is typed beside the data, by task.
WORDS: Mapping[Task, Sequence[str]] = {
    Task.REGRESSION: ("data.task=regression", "query=variance", "metrology=regression"),
    Task.MULTI_LABEL: ("data.task=multi_label", "metrology=multi_label"),
}
#: Rows whose features are written at once.
_BLOCK = 4096


@dataclass(frozen=True)
class FeatureFiles:
    """Features of all rows of a source.

    Attributes:
        source: The rows.
        width: Numbers of a vector.
        targets: Name and content of the file of labels.
        names: What the rows are called; ``None`` for their numbers.
        task: What the labels are.
    """

    source: Source
    width: int
    targets: tuple[str, bytes]
    names: Sequence[str] | None
    task: Task

    def write(self, place: Path) -> None:
        """Write all files to ``place``, which appears with all of them or not at all.

        Raises:
            ConfigError: Something is there already.
            StoreError: The disk refuses.
        """
        blobs: dict[str, bytes | Pieces] = {VECTORS: self._vectors(), self.targets[0]: self.targets[1]}
        if self.names is not None:
            blobs[NAMES] = _lines(self.names)
        write_folder(place, blobs, VECTORS)

    def words(self, place: Path) -> str:
        """Return the command line that learns from the files in ``place``."""
        words = ["data=embeddings", f"data.path={place / VECTORS}", f"data.targets={place / self.targets[0]}"]
        words += [] if self.names is None else [f"data.uuids={place / NAMES}"]
        words += ["learner=probe", *WORDS.get(self.task, ())]
        return f"alrun {' '.join(map(typed, words))}"

    def _vectors(self) -> Iterator[bytes | memoryview]:
        head = io.BytesIO()
        described = {"descr": "<f4", "fortran_order": False, "shape": (len(self.source), self.width)}
        np.lib.format.write_array_header_1_0(head, described)
        yield head.getvalue()
        for start in range(0, len(self.source), _BLOCK):
            block: Any = embeddings_of(self.source, torch.arange(start, min(start + _BLOCK, len(self.source))))
            yield np.ascontiguousarray(block.numpy(), dtype="<f4").data.cast("B")


def feature_files(source: Any) -> FeatureFiles:
    """Return what is written of ``source``.

    Raises:
        DataError: It has no embeddings, or its labels or names are none that ``data=embeddings`` could read.
    """
    width, spec = width_of(source), source.spec
    reasons = {
        "the data have several tasks": bool(spec.tasks),
        "a label may be unknown": spec.open_set,
        "a label is a mask": spec.task is Task.SEGMENTATION,
    }
    for reason, holds in reasons.items():
        if holds:
            what = f"{reason}, for which the files have no place"
            raise DataError(Problem(what, "--to", "leave --to out: runs with the same words find the features"))
    names = getattr(source, "uuids", None)
    called = None if names is None else list(names(range(len(source))))
    if called is None or all(name == str(row) for row, name in enumerate(called)):
        return FeatureFiles(source, width, _labels(source), None, spec.task)
    broken = next((row for row, name in enumerate(called) if name.splitlines() != [name]), None)
    if broken is not None:
        raise DataError(Problem(f"the name of row {broken} is not one line", "data.uuids", "data.uuids=null"))
    return FeatureFiles(source, width, _labels(source), called, spec.task)


def width_of(source: Any) -> int:
    """Return how many features a row of ``source`` has.

    Raises:
        DataError: It has none.
    """
    first = embeddings_of(source, torch.arange(1)) if is_source(source) else None
    if first is None:
        raise DataError(Problem("the data have no features", "transform", "transform=embed"))
    return first.shape[1]


def _labels(source: Source) -> tuple[str, bytes]:
    """Return name and content of the file of labels: names of classes, one a line, or numbers."""
    targets: npt.NDArray[Any] = source.targets(torch.arange(len(source))).numpy()
    names = source.spec.class_names
    if source.spec.task is Task.CLASSIFICATION and names and _reads_back(names):
        return "targets.txt", _lines(np.asarray(names, dtype=object)[targets].tolist())
    if source.spec.target_origin:
        targets = targets.astype(np.float64) + np.asarray(source.spec.target_origin)
    held = io.BytesIO()
    np.lib.format.write_array(held, targets, allow_pickle=False)
    return "targets.npy", held.getvalue()


def _reads_back(names: Sequence[str]) -> bool:
    """Return whether lines of these names are read as they are: a file of whole numbers alone is read as such."""
    if any(name.splitlines() != [name] for name in names):
        return False
    try:
        numbers = np.asarray(names).astype(np.int64)
    except (ValueError, OverflowError):
        return True
    return [str(number) for number in numbers.tolist()] == list(names)


def _lines(texts: Sequence[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
