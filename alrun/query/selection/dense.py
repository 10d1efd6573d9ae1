"""Dense features: a matrix in memory, also used as a factor of other features."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem

__all__ = ["Dense"]

NORM_SLICE, MANY, NARROW = 1 << 14, 1 << 21, 16
#: Squared length of a mean, in units of the mean squared distance to it, from which its rounding is felt.
FAR = 4


class Dense:
    """Row ``i`` is ``matrix[i]``, less ``origin`` if given; nothing is copied but slices, and nothing is written.

    Attributes:
        matrix: ``[N, d]`` floats as they were given, perhaps mapped from a file.
        origin: What is taken off each row, ``[d]`` ``float64``, or ``None``.
        device: Of the matrix.
        dtype: ``float64`` of a ``float64`` matrix and of one with 16 columns or fewer, where rows come so close
            together that products lose them; else ``float32``. Slices of other precision are widened one by one.
        rounding: Error of an inner product relative to the two norms.
    """

    def __init__(self, matrix: Tensor, origin: Tensor | None = None) -> None:
        """Take ``matrix`` ``[N, d]`` of floats, and ``origin`` ``[d]`` off its rows."""
        if matrix.ndim != 2 or not matrix.is_floating_point():
            shape = f"{list(matrix.shape)} {str(matrix.dtype).removeprefix('torch.')}"
            raise ConfigError(Problem(f"features must be a matrix of floats, not {shape}", "features"))
        self.matrix, self.origin = matrix.detach(), origin
        self.device = matrix.device
        self.dtype = torch.float64 if matrix.dtype == torch.float64 or matrix.shape[1] <= NARROW else torch.float32
        self.rounding = torch.finfo(self.dtype).eps * (2 + matrix.shape[1] ** 0.5 / 4)

    def __len__(self) -> int:
        """Return ``N``."""
        return len(self.matrix)

    def gram(self, rows: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` of all rows with ``rows``."""
        return self.products(self.take(rows))

    def sq_norms(self) -> Tensor:
        """Return the squared norms ``[N]``, slice by slice."""
        # Written in place: results that stay would keep the heap from reusing what each slice needed.
        norms = torch.empty(len(self), dtype=self.dtype, device=self.device)
        for start in range(0, len(self), NORM_SLICE):
            part = slice(start, start + NORM_SLICE)
            norms[part] = self.part(part.start, part.stop).vectors().square().sum(1)
        return norms

    def take(self, rows: Tensor) -> Dense:
        """Return a copy of ``rows`` ``[m]``."""
        return Dense(self.matrix[rows], self.origin)

    def part(self, start: int, stop: int) -> Dense:
        """Return the rows from ``start`` to ``stop`` without copying them."""
        return Dense(self.matrix[start:stop], self.origin)

    def double(self) -> Dense:
        """Return the rows in ``float64``; meant for few."""
        return Dense(self.matrix.double(), self.origin)

    def products(self, few: Dense) -> Tensor:
        """Return the inner products ``[N, m]`` with the rows of ``few``."""
        return self.project(few.vectors())

    def sq_gaps(self, other: Dense) -> Tensor:
        """Return the squared distances ``[N]`` ``float64`` row by row."""
        return (self.matrix.double() - other.matrix.double()).square_().sum(1)

    def vectors(self) -> Tensor:
        """Return the rows ``[N, d]``, widened where they are of half precision."""
        return self.matrix.to(self.dtype) if self.origin is None else (self.matrix - self.origin).to(self.dtype)

    def project(self, vectors: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` with ``vectors`` ``[m, d]``."""
        rows, columns = self.vectors(), vectors.to(self.dtype)
        if len(columns) == 1 and self.device.type == "cpu" and rows.numel() > MANY:
            # torch multiplies a matrix by one vector on one thread, best for a small one; by two it takes them all.
            return (rows @ columns.repeat(2, 1).T)[:, :1]
        return rows @ columns.T

    def centered(self) -> Dense:
        """Return the rows relative to their mean where that is far from them, else as they are.

        Distances stay. Where the mean is far away, products in ``float32`` would lose them to the rounding of norms.
        """
        if len(self) == 0 or self.origin is not None:
            return self
        total, squares = torch.zeros((), dtype=torch.float64, device=self.device), 0.0
        for start in range(0, len(self), NORM_SLICE):
            rows = self.part(start, start + NORM_SLICE).double().vectors()
            total = total + rows.sum(0)
            squares += float(rows.square().sum())
        mean = total / len(self)
        length = float(mean.square().sum())
        is_far = length > FAR * (squares / len(self) - length)
        return Dense(self.matrix, mean) if is_far else self
