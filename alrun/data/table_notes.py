"""Notes on the columns of a table: what each was taken for, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alrun.core.types import Task, TaskSpec
from alrun.data.columns import Columns
from alrun.data.files import TableFile
from alrun.data.kinds import Kind

__all__ = ["column_notes", "target_notes"]


def column_notes(
    table: TableFile, columns: Columns, spec: TaskSpec, medians: Mapping[str, float], text_width: int
) -> Iterator[str]:
    """Yield what each column of inputs was taken for, in the order of the file.

    A text became ``text_width`` columns.
    """
    place = 0
    taken: dict[str, str] = {}
    for name in columns.numeric:
        kind = columns.kinds[name]
        width = len(table.frame[name].iloc[0]) if kind is Kind.VECTOR else 1
        text = {Kind.VECTOR: f"{width} numbers", Kind.DURATION: "number (seconds)", Kind.DATE: "number (seconds)"}
        origin = next((value for value in spec.input_origin[place : place + width] if value), 0.0)
        taken[name] = text.get(kind, "number") + (f", counted from {origin:.15g}" if origin else "")
        if name in medians:
            count = int(table.frame[name].isna().sum())
            taken[name] += f", missing in {count} rows: marked, and filled with the median {medians[name]:.15g}"
        place += width
    for name in columns.categorical:
        missing = int(table.frame[name].isna().sum())
        levels = table.frame[name].astype(object).map(str, na_action="ignore").nunique()
        taken[name] = f"category with {levels} levels" + (f", missing in {missing} rows" if missing else "")
    for name in columns.text:
        missing = int(table.frame[name].isna().sum())
        empty = f", missing in {missing} rows" if missing else ""
        taken[name] = f"text, hashed counts of words, {text_width} columns{empty}"
    left_out = {**columns.left_out, **table.left_out}
    for name in (*table.frame.columns, *table.left_out):
        if name in taken:
            yield f"column {name!r}: {taken[name]}"
        elif name in left_out:
            yield f"column {name!r}: left out ({left_out[name]})"


def target_notes(names: Sequence[str], spec: TaskSpec) -> Iterator[str]:
    """Yield what each target was taken for."""
    for number, name in enumerate(names):
        part = spec.tasks[number] if spec.tasks else spec
        if spec.task is Task.MULTI_LABEL:
            yield f"target {name!r}: label"
        elif spec.task is Task.CLASSIFICATION:
            names_of = ", ".join(part.class_names[:5]) + (", …" if part.num_outputs > 5 else "")
            yield f"target {name!r}: {part.num_outputs} classes ({names_of})"
        else:
            origin = spec.target_origin[number] if spec.target_origin else 0.0
            yield f"target {name!r}: number" + (f", counted from {origin:.15g}" if origin else "")
