"""Files of vectors: ``.npy`` and ``.safetensors`` stay on disk, a column of ``.parquet`` is read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from alrun.core.suggest import nearest
from alrun.data.memory import refuse_larger
from alrun.data.problems import fail
from alrun.data.shipped import open_array

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SUFFIXES", "VectorFile", "open_vectors"]

SUFFIXES = (".npy", ".safetensors", ".parquet", ".pq")
#: Rows of a Parquet file that are unpacked at once.
_ROWS = 8192


@dataclass(frozen=True)
class VectorFile:
    """What a file holds.

    Attributes:
        vectors: ``[N, d]``, memory-mapped where the format allows.
        names: What else it has, by name: other tensors or columns.
        column: Returns one of these, ``[N]``.
    """

    vectors: Tensor | npt.NDArray[Any]
    names: Sequence[str] = ()
    column: Callable[[str], npt.NDArray[Any]] | None = None


def open_vectors(file: Path, key: str | None) -> VectorFile:
    """Return the vectors that ``file`` has under ``key``; ``None`` for the only matrix, or column of vectors, in it.

    Raises:
        DataError: It cannot be read, has no such vectors, or they are more than the memory holds.
    """
    suffix = file.suffix.lower()
    if suffix == ".npy":
        if key is not None:
            raise fail("a .npy file holds one array without a name", "data.vectors", "data.vectors=null")
        return VectorFile(open_array(file))
    return _safetensors(file, key) if suffix == ".safetensors" else _parquet(file, key)


def _safetensors(file: Path, key: str | None) -> VectorFile:
    from safetensors import safe_open

    try:
        opened: Any = safe_open(str(file), framework="pt")
        names = list(opened.keys())
        shapes = {name: opened.get_slice(name).get_shape() for name in names}
    except Exception as error:
        raise fail(f"cannot be read as safetensors: {error}", str(file), "save it again: it may be cut off") from error
    chosen = _chosen(key, [name for name in names if len(shapes[name]) == 2], names, "tensor", file)
    others = [name for name in names if name != chosen]
    return VectorFile(opened.get_tensor(chosen), others, lambda name: opened.get_tensor(name).numpy())


def _parquet(file: Path, key: str | None) -> VectorFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file)
        schema = opened.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise fail(f"cannot be read as Parquet: {error}", str(file), "save it again: it may be cut off") from error
    lists = [field.name for field in schema if _is_list(field.type)]
    chosen = _chosen(key, lists, schema.names, "column", file)
    vectors = _filled(opened, chosen, file)
    others = [name for name in schema.names if name != chosen]

    def column(name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = opened.read([name]).column(0).to_pandas().to_numpy()
        return values

    return VectorFile(vectors, others, column)


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _filled(opened: Any, name: str, file: Path) -> npt.NDArray[np.float32]:
    """Return a column of vectors as one array ``[N, d]``, unpacked a few rows at a time."""
    import pyarrow as pa

    found: npt.NDArray[np.float32] | None = None
    start, rows = 0, opened.metadata.num_rows
    try:
        for batch in opened.iter_batches(_ROWS, columns=[name]):
            if not len(batch):
                continue
            block = _block(batch.column(0), name, start, file)
            if found is None:
                refuse_larger(rows * block.shape[1] * 4, file, "save the vectors as .npy, which stays on disk")
                found = np.empty((rows, block.shape[1]), dtype=np.float32)
            if block.shape[1] != found.shape[1]:
                what = f"the vector of row {start} has {block.shape[1]} numbers, not {found.shape[1]}"
                raise fail(what, f"{file}, column {name!r}", "vectors have one length")
            found[start : start + len(block)] = block
            start += len(block)
    except (pa.ArrowException, OSError) as error:
        raise fail(f"cannot be read as Parquet: {error}", str(file), "save it again: it may be cut off") from error
    if found is None:
        raise fail("the file has no rows", str(file))
    return found


def _block(column: pa.Array, name: str, start: int, file: Path) -> npt.NDArray[Any]:
    """Return the vectors ``[n, d]`` of a batch."""
    where = f"{file}, column {name!r}"
    if column.null_count:
        row = start + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise fail(f"the vector of row {row} is missing", where, "leave the row out")
    values = column.flatten()
    if values.null_count:
        row = start + int(np.argmax(values.is_null().to_numpy(zero_copy_only=False))) * len(column) // len(values)
        raise fail(f"the vector of row {row} has a missing number", where, "leave the row out")
    widths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    if len(widths) != 1 or widths[0] == 0:
        what = f"vectors have {', '.join(map(str, widths[:3]))} numbers, from row {start} on"
        raise fail(what, where, "vectors have one length, of at least 1")
    block: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return block


def _chosen(key: str | None, fitting: list[str], names: list[str], noun: str, file: Path) -> str:
    """Return the name of the vectors."""
    if key in fitting:
        return key
    held = ", ".join(names[:8]) + (", …" if len(names) > 8 else "") or "nothing"
    if key is not None:
        close = (nearest(key, fitting) or fitting)[:1]
        hint = f"data.vectors={close[0]}" if close else f"it holds {held}"
        raise fail(f"there is no {noun} of vectors {key!r}", "data.vectors", hint)
    if len(fitting) != 1:
        what = f"{len(fitting)} {noun}s hold vectors" if fitting else f"no {noun} holds vectors; there is {held}"
        hint = f"data.vectors={fitting[0]}, or {', '.join(fitting[1:4])}" if fitting else "one matrix [N, d]"
        raise fail(what, str(file), hint)
    return fitting[0]
