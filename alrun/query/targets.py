"""The inputs on which predictions are to improve: rows drawn from a pool, or given ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.row_random import row_uniforms
from alrun.query.selection.top_k import top_k

__all__ = ["TargetRows", "drawn_targets", "given_targets"]


class TargetRows:
    """Some inputs as a pool that the predictor takes."""

    def __init__(self, pool: Any, positions: Tensor) -> None:
        """View ``positions`` ``[M]`` of ``pool``."""
        self._pool, self._positions = pool, positions
        self.indices: Tensor = pool.indices[positions]
        self.workers = getattr(pool, "workers", 0)

    def __len__(self) -> int:
        return len(self._positions)

    def inputs(self, positions: Tensor) -> Any:
        """Return the inputs at ``positions`` of the view."""
        return self._pool.inputs(self._positions[positions])


class _Inputs:
    """A tensor of inputs as a pool."""

    def __init__(self, inputs: Tensor) -> None:
        self._inputs = inputs
        self.indices = torch.arange(len(inputs))

    def inputs(self, positions: Tensor) -> Tensor:
        return self._inputs[positions]


def drawn_targets(pool: Any, count: int, key: int) -> TargetRows:
    """Return ``count`` rows of ``pool`` (all, if there are fewer), drawn by ``key`` whatever the order of the pool."""
    return TargetRows(pool, top_k(torch.from_numpy(row_uniforms(pool.indices, key)), count))


def given_targets(inputs: str | Path | Tensor | NDArray[Any], shape: tuple[int, ...] | None, where: str) -> TargetRows:
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
    return TargetRows(_Inputs(found.float()), torch.arange(len(found)))


def _loaded(path: Path, where: str) -> Tensor:
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ConfigError(Problem(f"cannot read {path}: {error}", where, "a .npy file of numbers")) from None
