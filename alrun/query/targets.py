"""Target inputs of EPIG: rows drawn from a pool, or given in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.row_random import row_uniforms
from alrun.pool.subset import Subset, of_inputs
from alrun.query.selection.top_k import top_k

__all__ = ["drawn_targets", "given_targets"]


def drawn_targets(pool: Subset, count: int, key: int) -> Subset:
    """Return ``count`` rows of ``pool`` (all, if there are fewer), drawn by ``key`` whatever the order of the pool."""
    return pool.part(top_k(torch.from_numpy(row_uniforms(pool.indices, key)), count))


def given_targets(inputs: str | Path | Tensor | NDArray[Any], shape: tuple[int, ...] | None, where: str) -> Subset:
    """Return ``inputs`` ``[M, *shape]``, or those in a file, as a pool.

    Args:
        inputs: Numbers, or the path of a ``.npy`` file of them.
        shape: Shape of one input; ``None`` if it is not known.
        where: Config key to name in errors.

    Raises:
        ConfigError: There is no such file, or it holds something else.
    """
    found = _loaded(Path(inputs), where) if isinstance(inputs, str | Path) else torch.as_tensor(inputs)
    if found.ndim < 2 or len(found) == 0 or (shape is not None and tuple(found.shape[1:]) != tuple(shape)):
        wanted = "inputs" if shape is None else f"inputs of shape {list(shape)}"
        raise ConfigError(Problem(f"the targets have shape {list(found.shape)}", where, f"give one or more {wanted}"))
    return of_inputs(found.float())


def _loaded(path: Path, where: str) -> Tensor:
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ConfigError(Problem(f"cannot read {path}: {error}", where, "a .npy file of numbers")) from None
