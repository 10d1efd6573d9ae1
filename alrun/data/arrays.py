"""Arrays from files: a ``.npz`` file, or two memory-mapped ``.npy`` files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.suggest import nearest
from alrun.data.encoding import encode
from alrun.data.origins import origins_of
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.shipped import open_embeddings
from alrun.data.source import ArraySource, flat_chunks

__all__ = ["Arrays"]


class Arrays(ArraySource):
    """Inputs ``[N, ...]`` and targets ``[N]`` (classes or numbers) or ``[N, T]`` (numbers or labels) from files.

    ``path`` is a ``.npz`` with arrays ``x`` and ``y``, which is read whole, or a ``.npy`` with the inputs, which
    stays on disk: only the rows asked for are read. ``embeddings`` may be in the one or beside either. Pickled objects
    are never loaded. Classes are numbered in sorted order.
    """

    def __init__(
        self,
        path: str,
        targets: str | None = None,
        *,
        embeddings: str | None = None,
        task: str = "auto",
        standardize: bool = False,
        scale: float = 1.0,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Open the arrays.

        Args:
            path: A ``.npz`` file, or a ``.npy`` file of inputs.
            targets: The ``.npy`` file of targets that belongs to a ``.npy`` of inputs.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped; ``None`` for what the ``.npz`` holds, if anything.
            task: ``classification``, ``regression``, ``multi_label`` for targets ``[N, L]`` of 0 and 1,
                ``segmentation`` for masks ``[N, H, W]`` of classes, or ``auto`` for what the targets look like
                (``guess_task``).
            standardize: Whether the learner should standardize all columns; flat inputs only.
            scale: See ``ArraySource``.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: A file is missing, unreadable or of an unknown kind, or the arrays do not fit.
        """
        wanted = parse_task(task)
        file = existing_file(path, "data.path", (".npz", ".npy"))
        inputs, raw, shipped = _from_npz(file) if file.suffix.lower() == ".npz" else _from_npy(file, targets)
        if embeddings is not None:
            shipped = open_embeddings(embeddings)
        _check_inputs(inputs, standardize, str(file))
        if len(inputs) != len(raw):
            raise fail(f"{len(inputs)} rows of inputs, but {len(raw)} targets", str(file))
        _check_finite(raw, str(file))
        encoded = encode(raw, wanted, str(file))
        columns = tuple(range(inputs.shape[1])) if standardize else ()
        origins = origins_of(flat_chunks(inputs))
        spec = encoded.spec(tuple(inputs.shape[1:]), columns)
        spec = replace(spec, input_origin=tuple(scale * origin for origin in origins))
        options: dict[str, Any] = {"validation_size": validation_size, "test_size": test_size, "embeddings": shipped}
        held = inputs if origins else _held(inputs)
        super().__init__(held, encoded.targets, spec, labeled=labeled, scale=scale, origins=origins, **options)


def _from_npz(file: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
    with _load(file) as archive:
        missing = [key for key in ("x", "y") if key not in archive.files]
        if missing:
            close = nearest(missing[0], archive.files, 3) or list(archive.files)
            what = f"the file has no array {missing[0]!r}; it holds {', '.join(archive.files) or 'nothing'}"
            raise fail(what, str(file), f"save it with numpy.savez(path, x=..., y=...), not {', '.join(close)}")
        try:
            return archive["x"], archive["y"], archive["embeddings"] if "embeddings" in archive.files else None
        except (ValueError, OSError, EOFError) as error:
            raise fail(f"cannot be read: {error}", str(file), "arrays of objects are never loaded") from error


def _from_npy(file: Path, targets: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any], None]:
    if targets is None:
        raise fail(f"{file.name} holds the inputs only", "data.targets", "data.targets=targets.npy")
    return _load(file, mmap_mode="r"), np.asarray(_load(existing_file(targets, "data.targets", (".npy",)))), None


def _load(file: Path, mmap_mode: Any = None) -> Any:
    try:
        return np.load(file, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:
        raise fail(f"cannot be read: {error}", str(file), "arrays of objects are never loaded") from error


def _held(inputs: npt.NDArray[Any]) -> Tensor | npt.NDArray[Any]:
    if isinstance(inputs, np.memmap):
        return inputs
    if inputs.dtype.kind == "f" and inputs.dtype != np.float16:
        with np.errstate(over="ignore"):
            return torch.from_numpy(inputs.astype(np.float32, copy=False))
    return inputs


def _check_inputs(inputs: npt.NDArray[Any], standardize: bool, where: str) -> None:
    if inputs.dtype.kind not in "biuf":
        raise fail(f"inputs are {inputs.dtype}, not real numbers", where)
    if inputs.ndim < 2:
        raise fail(f"inputs have shape {inputs.shape}; [N, ...] is needed", where, "reshape one column to [N, 1]")
    if standardize and inputs.ndim != 2:
        what = f"only flat inputs can be standardized, these are {inputs.shape[1:]}"
        raise fail(what, "data.standardize", "data.standardize=false data.scale=0.00392")


def _check_finite(targets: npt.NDArray[Any], where: str) -> None:
    if targets.dtype.kind == "f" and targets.ndim and not np.isfinite(targets).all():
        row = int(np.argwhere(~np.isfinite(targets))[0][0])
        raise fail("the target is missing or not finite", f"{where}, row {row}", "leave the row out")
