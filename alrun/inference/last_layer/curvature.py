"""The generalized Gauss-Newton matrix of a loss in the weights ``[r, D]`` of one linear layer, summed over rows.

With features ``h`` of a row and the curvature ``A`` ``[r, r]`` of its loss in the layer's outputs it is the sum of
``A ⊗ h h'`` (Schraudolph 2002). Everything is ``float64`` on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from alrun.inference.last_layer.covariance import Covariance, Dense, Diagonal, Kronecker

__all__ = ["STRUCTURES", "Curvature"]


class Curvature(Protocol):
    """A matrix that rows are added to."""

    def __init__(self, outputs: int, size: int) -> None:
        """Start at zero, for a layer of ``outputs`` by ``size`` weights, bias included."""
        ...

    def add(self, features: Tensor, curvature: Tensor) -> None:
        """Add rows: features ``[B, D]``, and the curvature ``[B, r, r]`` of their loss in the layer's outputs."""
        ...

    def eigenvalues(self) -> Tensor:
        """Return all ``[r * D]`` of them, none negative."""
        ...

    def covariance(self, scale: float, precision: float) -> Covariance:
        """Return the inverse of ``scale`` times the matrix plus ``precision`` on the diagonal."""
        ...


class FullCurvature:
    """The matrix itself, ``[r * D, r * D]``."""

    def __init__(self, outputs: int, size: int) -> None:
        self._blocks = torch.zeros(outputs, outputs, size, size, dtype=torch.float64)

    def add(self, features: Tensor, curvature: Tensor) -> None:
        """See ``Curvature``."""
        outputs = len(self._blocks)
        for row in range(outputs):
            for column in range(row + 1):
                block = (features * curvature[:, row, column, None]).T @ features
                self._blocks[row, column] += block
                if row != column:
                    self._blocks[column, row] += block

    def eigenvalues(self) -> Tensor:
        """See ``Curvature``."""
        values: Tensor = torch.linalg.eigvalsh(self._matrix())
        return values.clamp_min(0)

    def covariance(self, scale: float, precision: float) -> Covariance:
        """See ``Curvature``."""
        matrix = self._matrix() * scale
        matrix.diagonal().add_(precision)
        return Dense(matrix, len(self._blocks))

    def _matrix(self) -> Tensor:
        outputs, _, size, _ = self._blocks.shape
        return self._blocks.transpose(1, 2).reshape(outputs * size, outputs * size)


class KroneckerCurvature:
    """The mean of ``A`` times the sum of ``h h'`` (Martens and Grosse 2015), whose sum with a diagonal stays exact."""

    def __init__(self, outputs: int, size: int) -> None:
        self._outputs = torch.zeros(outputs, outputs, dtype=torch.float64)
        self._inputs = torch.zeros(size, size, dtype=torch.float64)
        self._rows = 0
        self._found: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    def add(self, features: Tensor, curvature: Tensor) -> None:
        """See ``Curvature``."""
        self._outputs += curvature.sum(dim=0)
        self._inputs += features.T @ features
        self._rows += len(features)
        self._found = None

    def eigenvalues(self) -> Tensor:
        """See ``Curvature``."""
        outputs, _, inputs, _ = self._eigen()
        return torch.outer(outputs, inputs).flatten()

    def covariance(self, scale: float, precision: float) -> Covariance:
        """See ``Curvature``."""
        outputs, basis, inputs, other = self._eigen()
        return Kronecker(1 / (scale * torch.outer(outputs, inputs) + precision), basis, other)

    def _eigen(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if self._found is None:
            outputs, basis = torch.linalg.eigh(self._outputs / max(1, self._rows))
            inputs, other = torch.linalg.eigh(self._inputs)
            self._found = outputs.clamp_min(0), basis, inputs.clamp_min(0), other
        return self._found


class DiagonalCurvature:
    """The diagonal, ``[r, D]``."""

    def __init__(self, outputs: int, size: int) -> None:
        self._diagonal = torch.zeros(outputs, size, dtype=torch.float64)

    def add(self, features: Tensor, curvature: Tensor) -> None:
        """See ``Curvature``."""
        self._diagonal += curvature.diagonal(dim1=1, dim2=2).T @ features.square()

    def eigenvalues(self) -> Tensor:
        """See ``Curvature``."""
        return self._diagonal.flatten()

    def covariance(self, scale: float, precision: float) -> Covariance:
        """See ``Curvature``."""
        return Diagonal(1 / (scale * self._diagonal + precision))


#: By name; ``full`` grows with the square of the number of weights, the others with the squares of ``D`` or not at all.
STRUCTURES: Mapping[str, type[Curvature]] = MappingProxyType(
    {"full": FullCurvature, "kron": KroneckerCurvature, "diag": DiagonalCurvature}
)
