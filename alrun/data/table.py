"""Table file (text, Arrow or Excel) with a target column, numbers and categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, count_problems, raise_any
from alrun.core.errors import DataError
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.columns import Columns, choose_columns, dummies, numbers
from alrun.data.encoding import MANY_CLASSES, encode_classes, encode_marks, guess_task
from alrun.data.files import SUFFIXES, FileOptions, TableFile, read_file
from alrun.data.kinds import Kind, as_numbers, is_decimal, odd_values
from alrun.data.missing import filled
from alrun.data.parts import group_numbers, joined
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.shipped import open_embeddings
from alrun.data.source import ArraySource
from alrun.data.table_notes import column_notes, target_notes
from alrun.data.text_columns import hashed_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table"]


class Table(ArraySource):
    """Rows of a file: numeric columns first, then one column of 0 and 1 for each category.

    Numeric columns are raw; the learner standardizes them on what is labeled. One whose values are so far from 0 that
    ``float32`` would lose them is counted from another origin, see ``TaskSpec``. A column of vectors becomes their
    components, durations become seconds, dates are left out unless listed. Categories are those of the whole file, so
    that the input has the same shape whatever is labeled; a missing category is one of its own, a missing number is
    refused. A column whose values almost all are numbers is refused, unless it is listed.
    A column of texts that is listed becomes hashed counts of its words. Rows count from 0, header not counted.

    Attributes:
        notes: What each column was taken for, one line each.
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
        sep: str | None = None,
        encoding: str | None = None,
        decimal: str | None = None,
        na_values: Sequence[Any] | None = None,
        sheet: str | int | None = None,
        embeddings: str | None = None,
        missing: str | None = None,
        groups: str | None = None,
        test_path: str | None = None,
        text: Sequence[str] | None = None,
        text_features: int | None = None,
        labeled: Sequence[int] | None = None,
        partial_labels: bool = False,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Read the file.

        Args:
            path: A ``.csv``, ``.csv.gz``, ``.tsv``, ``.jsonl``, ``.parquet``, ``.pq``, ``.feather`` or ``.xlsx`` file.
            target: The column to predict; several for several classifications, a regression with several targets, or
                several labels.
            task: ``classification``, ``regression``, ``multi_label`` for columns of 0 and 1, one a label, or ``auto``
                for what the target looks like (``guess_task``); several targets are classifications where each of them
                looks like one.
            numeric: Columns that are numbers; ``None`` for all that hold such and have no other role.
            categorical: Columns that are categories; ``None`` for all others, except dates. A target that is listed
                is taken as text.
            drop: Columns to leave out.
            sep: See ``FileOptions``.
            encoding: See ``FileOptions``.
            decimal: See ``FileOptions``.
            na_values: See ``FileOptions``.
            sheet: See ``FileOptions``.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped: vectors to compare rows by.
            missing: ``median``: missing numbers become the median of their column (of ``path`` alone), and each column
                that has some gets another of 0 and 1 that marks them; ``None`` refuses them.
            groups: Column that says what belongs together, e.g. a patient: no group is in two parts. No feature.
            test_path: A file with the same columns, whose rows are the test rows, in place of ``test_size`` drawn ones.
            text: Columns of texts, each of which becomes ``text_features`` columns (``hashed_texts``).
            text_features: Columns of one text; ``None`` for 256.
            labeled: See ``ArraySource``.
            partial_labels: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: The file, a column or a value cannot be used as asked.
        """
        wanted = parse_task(task)
        if wanted is Task.SEGMENTATION:
            raise fail("a table has no masks of pixels", "data.task", "data=arrays data.task=segmentation")
        file = existing_file(path, "data.path", SUFFIXES)
        width = 256 if text_features is None else text_features
        problems = [
            *choice_problems("data.missing", missing or "median", ("median",)),
            *count_problems("data.text_features", width, "data.text_features=256", least=2),
        ]
        raise_any(problems, DataError)
        written = FileOptions(sep, encoding, decimal, na_values, sheet)
        table = read_file(file, written)
        rows, where = len(table.frame), str(file)
        if test_path is not None:
            table = joined(table, read_file(existing_file(test_path, "data.test_path", SUFFIXES), written), test_path)
            where = f"{file} with {test_path}"
        frame = table.frame
        targets = _listed(target)
        if not targets:
            names = list(map(str, frame.columns))
            raise fail("no column is named", "data.target", f"data.target={names[-1]}, of {', '.join(names)}")
        numeric, categorical = (names if names is None else _listed(names) for names in (numeric, categorical))
        group = None if groups is None else group_numbers(frame, groups, targets, rows, where)
        left_out = [*_listed(drop), *([groups] if groups and groups not in _listed(drop) else [])]
        columns = choose_columns(frame, targets, numeric, categorical, left_out, where, _listed(text or []))
        values, described = _targets(table, targets, wanted, columns, categorical or (), where)
        known = filled(frame, columns.numeric if missing else (), columns.kinds, rows, where)
        block, origins = numbers(known.frame, columns.numeric, known.kinds, where, table.text)
        words = hashed_texts(frame, columns.text, width, file)
        inputs = np.concatenate([block, known.marks, dummies(frame, columns.categorical), words], axis=1)
        if origins:
            described["input_origin"] = (*origins, *[0.0] * (inputs.shape[1] - len(origins)))
        spec = TaskSpec(input_shape=(inputs.shape[1],), standardize=tuple(range(block.shape[1])), **described)
        options: dict[str, Any] = {
            "validation_size": validation_size,
            "test_size": test_size,
            "partial_labels": partial_labels,
            "embeddings": open_embeddings(embeddings),
            "groups": group,
            "test_rows": None if test_path is None else np.arange(rows, len(frame)),
        }
        super().__init__(torch.from_numpy(inputs), values, spec, labeled=labeled, **options)
        notes = column_notes(table, columns, spec, known.medians, width)
        self.notes = (*notes, *target_notes(targets, spec))


def _listed(names: object) -> list[str]:
    """Return column names as a list; a single one may stand without brackets."""
    return [str(name) for name in (names if isinstance(names, list | tuple) else [names])]


def _targets(
    table: TableFile, names: list[str], task: Task | None, columns: Columns, as_text: Sequence[str], where: str
) -> tuple[Tensor, dict[str, Any]]:
    """Return the encoded targets and what the ``TaskSpec`` says of them."""
    frame = table.frame
    for name in names:
        missing = np.flatnonzero(frame[name].isna().to_numpy())
        if len(missing):
            raise _missing_target(table, name, missing, where)
        if task is not Task.REGRESSION and name not in as_text:
            problems = list(odd_values(frame[name], name, columns.kinds[name], where, is_target=True))
            if problems:
                raise DataError(problems)
    plain = {name: _plain(frame[name], Kind.CATEGORY if name in as_text else columns.kinds[name]) for name in names}
    guesses = {guess_task(values) for values in plain.values()}
    task = task or (Task.CLASSIFICATION if guesses == {Task.CLASSIFICATION} else Task.REGRESSION)
    if task is Task.REGRESSION:
        block, origin = numbers(frame, names, columns.kinds, where, table.text)
        parts = tuple(TaskPart(name, task, 1) for name in names) if len(names) > 1 else ()
        described = {"task": task, "num_outputs": block.shape[1], "tasks": parts, "target_origin": origin}
        return torch.from_numpy(block), described
    if task is Task.MULTI_LABEL:
        return _marks(plain, where), {"task": task, "num_outputs": len(names), "class_names": tuple(names)}
    encoded = [encode_classes(plain[name], f"{where}, column {name!r}") for name in names]
    if len(names) == 1:
        classes, found = encoded[0]
        return classes, {"task": task, "num_outputs": len(found), "class_names": found}
    parts = tuple(TaskPart(name, task, len(found), found) for name, (_, found) in zip(names, encoded, strict=True))
    total = sum(part.num_outputs for part in parts)
    return torch.stack([classes for classes, _ in encoded], dim=1), {"task": task, "num_outputs": total, "tasks": parts}


def _marks(plain: Mapping[str, npt.NDArray[Any]], where: str) -> Tensor:
    """Return the marks ``[N, L]`` of columns that each are one label, 0 and 1 or truth values."""
    for name, values in plain.items():
        if values.dtype.kind not in "biuf":
            odd = next((row for row, value in enumerate(values) if value not in ("0", "1")), 0)
            what = f"the label {name!r} is {str(values[odd])!r} in row {odd}: 1 where it holds, else 0"
            raise fail(what, where, "data.task=classification learner=multitask query=multitask")
    return encode_marks(np.stack(list(plain.values()), axis=1), where, list(plain))


def _missing_target(table: TableFile, name: str, missing: npt.NDArray[np.int64], where: str) -> DataError:
    """Return the error of a target that is missing, which a class may be called."""
    row = int(missing[0])
    more = f" (and in {len(missing) - 1} more rows)" if len(missing) > 1 else ""
    written = "" if table.text is None else str(table.text(name).fillna("").iloc[row])
    if written.strip():
        what = f"the target {name!r} is {written!r} in row {row}{more}, which is taken for a missing value"
        return fail(what, where, "if this is the name of a class: data.na_values=[]; otherwise leave such rows out")
    return fail(f"the target {name!r} is missing in row {row}{more}", where, "remove these rows from the file")


def _plain(column: pd.Series[Any], kind: Kind) -> npt.NDArray[Any]:
    """Return a column ``[N]`` as numbers or text: decimals are numbers, and so are many different texts of such."""
    if (column.dtype.kind in "biuf" and kind is not Kind.CATEGORY) or column.dtype.kind == "b":
        return column.to_numpy()
    written: npt.NDArray[Any] = column.astype(str).to_numpy(dtype=str)
    if kind is Kind.NUMBER:
        values = as_numbers(column, kind)[:, 0]
        fractions = values.dtype.kind == "f" and bool((np.isfinite(values) & (values != np.floor(values))).any())
        if fractions and (is_decimal(column) or len(np.unique(written)) > MANY_CLASSES):
            return values
    return written
