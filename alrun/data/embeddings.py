"""Embeddings of a frozen model, from files: vectors as inputs, and as what rows are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.data.encoding import encode
from alrun.data.named import NamedArraySource
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.shipped import open_embeddings
from alrun.data.target_files import chosen_column, read_column
from alrun.data.vector_files import SUFFIXES, VectorFile, open_vectors
from alrun.pool.rows import as_rows

__all__ = ["EmbeddingFiles", "open_embeddings"]


class EmbeddingFiles(NamedArraySource):
    """Vectors ``[N, d]`` that were computed once, with a label each.

    ``.npy`` and ``.safetensors`` are memory-mapped, a column of ``.parquet`` is read into one ``float32`` array; there
    is no second copy: ``embeddings(rows)``, by which cold starts and strategies compare rows, are the inputs.
    """

    def __init__(
        self,
        path: str,
        targets: str | None = None,
        *,
        target: str | None = None,
        vectors: str | None = None,
        uuids: str | None = None,
        task: str = "auto",
        normalize: bool = False,
        standardize: bool = False,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Open the files.

        Args:
            path: A ``.npy``, ``.safetensors`` or ``.parquet`` file.
            targets: File of the labels: ``.npy``, ``.txt`` with one a line, or a table; ``None`` where they are in
                ``path``.
            target: Column, or tensor, of the labels; ``None`` for the one that is called like labels.
            vectors: Column, or tensor, of the vectors; ``None`` for the only one.
            uuids: Column or tensor of what the rows are called; or a file, as for ``targets``.
            task: ``classification``, ``regression``, or ``auto`` for what the labels look like (``guess_task``).
            normalize: Whether each vector is divided by its Euclidean norm as it is read.
            standardize: Whether the learner standardizes all columns.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: A file, a column or a value cannot be used as asked.
        """
        wanted = parse_task(task)
        file = existing_file(path, "data.path", SUFFIXES)
        held = open_vectors(file, vectors)
        raw, where = _labels(held, targets, target, str(file))
        shape = tuple(held.vectors.shape)
        if len(shape) != 2 or 0 in shape:
            raise fail(f"embeddings have shape {list(shape)}; [N, d] is needed", str(file), "one vector per row")
        if shape[0] != len(raw):
            raise fail(f"{shape[0]} vectors, but {len(raw)} labels", where, "save one per row, in order")
        encoded = encode(raw, wanted, where)
        self._normalize = normalize
        spec = encoded.spec(shape[1:], tuple(range(shape[1])) if standardize else ())
        options: dict[str, Any] = {"validation_size": validation_size, "test_size": test_size, "labeled": labeled}
        super().__init__(held.vectors, encoded.targets, spec, **options)
        self.name_rows(*_names(held, uuids, str(file)))

    def embeddings(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return the vectors ``[n, d]`` ``float32`` of ``rows``: their inputs."""
        return self._read(as_rows(rows))

    def _read(self, rows: Tensor | slice) -> Tensor:
        block = super()._read(rows)
        if not self._normalize:
            return block
        norms = torch.linalg.vector_norm(block, dim=1, keepdim=True)
        if isinstance(rows, slice) and bool((norms == 0).any()):
            row = rows.start + int((norms[:, 0] == 0).nonzero()[0])
            what = "the vector is 0, and has no direction"
            raise fail(what, f"data.path, row {row}", "leave the row out, or data.normalize=false")
        directions: Tensor = block / norms
        return directions


def _labels(held: VectorFile, path: str | None, name: str | None, where: str) -> tuple[npt.NDArray[Any], str]:
    """Return the labels ``[N]`` or ``[N, T]``, and where they stand."""
    if path is not None:
        return read_column(path, "data.targets", name, "data.target")
    if held.column is None:
        raise fail("the file holds vectors only", where, "data.targets=labels.npy")
    chosen = chosen_column(name, held.names, "data.target", where)
    values = held.column(chosen)
    place = f"{where}, {chosen!r}"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise fail("the label is missing or not finite", f"{place}, row {row}", "leave the row out")
    if values.dtype.kind == "O":
        missing = [row for row, value in enumerate(values) if value is None or value != value]
        if missing:
            raise fail("the label is missing", f"{place}, row {missing[0]}", "leave the row out")
        values = values.astype(str)
    return values, place


def _names(held: VectorFile, uuids: str | None, where: str) -> tuple[list[str] | None, str]:
    """Return what the rows are called, and where that stands."""
    if uuids is None:
        return None, where
    if held.column is not None and uuids in held.names:
        return list(map(str, held.column(uuids).tolist())), f"{where}, {uuids!r}"
    found, place = read_column(uuids, "data.uuids", None, "data.uuids")
    return list(map(str, found.tolist())), place
