"""Your own table: CSV or Parquet, with a target column, numbers and categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.columns import SUFFIXES, choose_columns, dummies, numbers, read_table
from alrun.data.embeddings import open_embeddings
from alrun.data.encoding import encode_classes, encode_values, guess_task
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.source import ArraySource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table"]


class Table(ArraySource):
    """Rows of a file: numeric columns first, then one column of 0 and 1 for each category.

    Numeric columns are raw; the learner standardises them on what is labelled. Categories are those of the whole file,
    so that the input has the same shape whatever is labelled; a missing category is one of its own, a missing number is
    refused.
    Rows count from 0, header not counted.
    """

    def __init__(
        self,
        path: str,
        target: str | Sequence[str],
        *,
        task: str = "auto",
        numeric: Sequence[str] | None = None,
        categorical: Sequence[str] | None = None,
        drop: Sequence[str] = (),
        embeddings: str | None = None,
        labeled: Sequence[int] | None = None,
        partial_labels: bool = False,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Read the file.

        Args:
            path: A ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.pq`` file.
            target: The column to predict; several for several classifications, or a regression with several targets.
            task: ``classification``, ``regression``, or ``auto`` for what the target looks like (``guess_task``);
                several targets are classifications where each of them looks like one.
            numeric: Columns that are numbers; ``None`` for all of a numeric type that have no other role.
            categorical: Columns that are categories; ``None`` for all others, except dates.
            drop: Columns to leave out.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped: vectors to compare rows by.
            labeled: See ``ArraySource``.
            partial_labels: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: The file, a column or a value cannot be used as asked.
        """
        wanted = parse_task(task)
        file = existing_file(path, "data.path", SUFFIXES)
        frame = read_table(file)
        targets = _listed(target)
        if not targets:
            raise fail("names no column", "data.target", f"one of {', '.join(map(str, frame.columns))}")
        numeric, categorical = (names if names is None else _listed(names) for names in (numeric, categorical))
        columns = choose_columns(frame, targets, numeric, categorical, _listed(drop))
        values, described = _targets(frame, targets, wanted, str(file))
        inputs = np.concatenate(
            [numbers(frame, columns.numeric, str(file)), dummies(frame, columns.categorical)], axis=1
        )
        spec = TaskSpec(input_shape=(inputs.shape[1],), standardize=tuple(range(len(columns.numeric))), **described)
        options: dict[str, Any] = {
            "validation_size": validation_size,
            "test_size": test_size,
            "partial_labels": partial_labels,
            "embeddings": open_embeddings(embeddings),
        }
        super().__init__(torch.from_numpy(inputs), values, spec, labeled=labeled, **options)


def _listed(names: object) -> list[str]:
    """Return column names as a list; a single one may stand without brackets."""
    return [str(name) for name in (names if isinstance(names, list | tuple) else [names])]


def _targets(frame: pd.DataFrame, names: list[str], task: Task | None, where: str) -> tuple[Tensor, dict[str, Any]]:
    """Return the encoded targets and what the ``TaskSpec`` says of them."""
    for name in names:
        missing = np.flatnonzero(frame[name].isna().to_numpy())
        if len(missing):
            more = f" (and in {len(missing) - 1} more rows)" if len(missing) > 1 else ""
            what = f"the target {name!r} is missing in row {missing[0]}{more}"
            raise fail(what, where, "leave such rows out of the file")
    guesses = {guess_task(_plain(frame[name])) for name in names}
    task = task or (Task.CLASSIFICATION if guesses == {Task.CLASSIFICATION} else Task.REGRESSION)
    if task is Task.REGRESSION:
        values = encode_values(numbers(frame, names, where), where)
        parts = tuple(TaskPart(name, task, 1) for name in names) if len(names) > 1 else ()
        return values, {"task": task, "num_outputs": values.shape[1], "tasks": parts}
    encoded = [encode_classes(_plain(frame[name]), f"{where}, column {name!r}") for name in names]
    if len(names) == 1:
        classes, found = encoded[0]
        return classes, {"task": task, "num_outputs": len(found), "class_names": found}
    parts = tuple(TaskPart(name, task, len(found), found) for name, (_, found) in zip(names, encoded, strict=True))
    total = sum(part.num_outputs for part in parts)
    return torch.stack([classes for classes, _ in encoded], dim=1), {"task": task, "num_outputs": total, "tasks": parts}


def _plain(column: pd.Series[Any]) -> npt.NDArray[Any]:
    """Return a column ``[N]`` as numbers or text."""
    return column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str).to_numpy(dtype=str)
