"""Feature matrices that selectors are tried on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from alrun.core.compat import operations_seen

__all__ = ["LargestAllocation", "awkward_features", "mapped_features", "wave_features"]

KINDS = ("normal", "whole numbers", "few distinct rows", "far from the origin", "heavy-tailed norms")


def awkward_features(seed: int, most: int = 600) -> tuple[Tensor, Tensor]:
    """Return features ``[N, d]`` ``float32`` of the kind ``seed % 5`` in ``KINDS``, and some labeled rows ``[L]``.

    Args:
        seed: What everything is drawn from, sizes too.
        most: The largest ``N``.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = int(torch.randint(1, most, (1,), generator=generator))
    columns = int(torch.randint(1, 40, (1,), generator=generator))
    features = torch.randn(rows, columns, generator=generator)
    kind = KINDS[seed % len(KINDS)]
    if kind == "whole numbers":
        features = features.round()
    elif kind == "few distinct rows":
        features = features[torch.randint(rows // 10 + 1, (rows,), generator=generator)]
    elif kind == "far from the origin":
        features = features * 0.01 + 1000
    elif kind == "heavy-tailed norms":
        features = features / torch.rand(rows, 1, generator=generator)
    return features, torch.randperm(rows, generator=generator)[: seed % 7]


def wave_features(rows: int, columns: int) -> Tensor:
    """Return features ``[N, d]`` ``float32`` that are the same on every machine up to the last digit: scaled sines."""
    row = torch.arange(1, rows + 1, dtype=torch.float64)[:, None]
    column = torch.arange(1, columns + 1, dtype=torch.float64)
    return ((0.7 * row * column + column * column).sin() * (1 + row % 7 / 3)).float()


def mapped_features(path: Path, features: Tensor) -> Tensor:
    """Return ``features`` ``[N, d]`` ``float32`` as a tensor that is mapped from a file written to ``path``."""
    features.numpy().tofile(path)
    return torch.from_file(str(path), size=features.numel(), dtype=torch.float32).view(features.shape)


class LargestAllocation:
    """Watches what torch allocates while it is entered.

    Attributes:
        nbytes: Of the largest storage that an operation returned, those of ``known`` tensors aside.
    """

    def __init__(self, *known: Tensor) -> None:
        """Leave the storages of ``known`` aside."""
        self.nbytes = 0
        self._known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._stack.enter_context(operations_seen(self._look))
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        self._stack.close()

    def _look(self, result: Any) -> None:
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, Tensor) and tensor.untyped_storage().data_ptr() not in self._known:
                self.nbytes = max(self.nbytes, tensor.untyped_storage().nbytes())
