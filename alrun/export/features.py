"""Features of a frozen model with labels and names of the rows, as files that ``data=embeddings`` reads."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from alrun.core.errors import ConfigError, DataError, Problem
from alrun.core.protocols.pool import Source
from alrun.core.types import Task
from alrun.pool.foreign import is_source
from alrun.pool.subset import embeddings_of
from alrun.store.files import Pieces, commit_directory, remove_tree

__all__ = ["FeatureFiles", "feature_files"]

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
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            remove_tree(place)
        if place.exists() or place.is_symlink():
            raise ConfigError(Problem("something is there already", str(place), "--to NEW_FOLDER"))
        blobs: dict[str, bytes | Pieces] = {VECTORS: self._vectors(), self.targets[0]: self.targets[1]}
        if self.names is not None:
            blobs[NAMES] = _lines(self.names)
        commit_directory(place, blobs, last=VECTORS)

    def words(self, place: Path) -> str:
        """Return the command line that learns from the files in ``place``."""
        words = ["data=embeddings", f"data.path={place / VECTORS}", f"data.targets={place / self.targets[0]}"]
        words += [] if self.names is None else [f"data.uuids={place / NAMES}"]
        words += ["learner=probe", *WORDS.get(self.task, ())]
        return f"alrun {shlex.join(words)}"

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
        DataError: It has no embeddings, more than one task, unknown classes, or masks.
    """
    first = embeddings_of(source, torch.arange(1)) if is_source(source) else None
    if first is None:
        raise DataError(Problem("the data have no features", "transform", "transform=embed"))
    if source.spec.tasks:
        raise DataError(Problem("the data have several tasks", "data.target", "data.target=[ONE_COLUMN]"))
    if source.spec.open_set or source.spec.task is Task.SEGMENTATION:
        what = "files have no place for unknown classes" if source.spec.open_set else "a label is a mask, not one value"
        raise DataError(Problem(what, "transform" if source.spec.open_set else "data.task", "transform=embed"))
    names = getattr(source, "uuids", None)
    called = None if names is None else list(names(range(len(source))))
    numbered = called is None or all(name == str(row) for row, name in enumerate(called))
    return FeatureFiles(source, first.shape[1], _labels(source), None if numbered else called, source.spec.task)


def _labels(source: Source) -> tuple[str, bytes]:
    """Return name and content of the file of labels: names of classes, one a line, or numbers."""
    targets: npt.NDArray[Any] = source.targets(torch.arange(len(source))).numpy()
    names = source.spec.class_names
    if (
        source.spec.task is Task.CLASSIFICATION
        and names
        and all(name and name.splitlines() == [name] for name in names)
    ):
        return "targets.txt", _lines([names[number] for number in targets.tolist()])
    if source.spec.target_origin:
        targets = targets.astype(np.float64) + np.asarray(source.spec.target_origin)
    held = io.BytesIO()
    np.lib.format.write_array(held, targets, allow_pickle=False)
    return "targets.npy", held.getvalue()


def _lines(texts: Sequence[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
