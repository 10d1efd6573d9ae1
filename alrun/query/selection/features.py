"""Implicit feature matrices: rows can be multiplied without being formed, for selectors that stream over them.

A selector never sees a feature matrix. It takes a few rows (``take``), multiplies slices of all rows (``part``) with
them (``products``), and keeps ``O(N)`` numbers between. So a row of ``C * d`` gradient entries costs ``C + d`` to store
and to multiply, and a memory-mapped file is read slice by slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.dense import Dense
from alrun.query.selection.outer_product import OuterProduct

__all__ = ["Dense", "Features", "OuterProduct", "Sum", "as_features", "slices"]

# Entries of a product, the fewest rows, the most rows.
CPU_SLICE, DEVICE_SLICE = (1 << 20, 1024, 1 << 14), (1 << 24, 1 << 14, 1 << 20)


class Features(Protocol):
    """``N`` rows in a space of ``D`` dimensions.

    Attributes:
        device: Where the rows are and where results come out.
        dtype: Of results: ``float32``, or ``float64`` where the rows are or where it costs little.
        rounding: Error of ``products`` relative to the two norms, as a bound that holds with near certainty (rounding
            errors add up like a random walk, Higham and Mary 2019).
    """

    @property
    def device(self) -> torch.device: ...  # noqa: D102
    @property
    def dtype(self) -> torch.dtype: ...  # noqa: D102
    @property
    def rounding(self) -> float: ...  # noqa: D102

    def __len__(self) -> int:
        """Return ``N``."""
        ...

    def gram(self, rows: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` of all rows with ``rows`` ``[m]`` ``int64``."""
        ...

    def sq_norms(self) -> Tensor:
        """Return the squared norms ``[N]``."""
        ...

    def take(self, rows: Tensor) -> Self:
        """Return a copy of ``rows`` ``[m]`` ``int64``."""
        ...

    def part(self, start: int, stop: int) -> Self:
        """Return the rows from ``start`` to ``stop`` without copying them."""
        ...

    def double(self) -> Self:
        """Return the rows in ``float64``; meant for few."""
        ...

    def products(self, few: Self) -> Tensor:
        """Return the inner products ``[N, m]`` with the ``m`` rows of ``few``, of the same space."""
        ...

    def sq_gaps(self, other: Self) -> Tensor:
        """Return the squared distances ``[N]`` ``float64`` to the rows of ``other``, pair by pair, from differences."""
        ...

    def vectors(self) -> Tensor:
        """Return the rows themselves, ``[N, D]``; meant for few."""
        ...

    def project(self, vectors: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` with ``vectors`` ``[m, D]``."""
        ...


class Sum:
    """Row ``i`` is the rows ``i`` of several features one after the other; inner products add up."""

    def __init__(self, parts: Sequence[Features]) -> None:
        """Take one or more features of the same length on one device."""
        if not parts or len({len(part) for part in parts}) > 1:
            raise ConfigError(Problem(f"features of {[len(part) for part in parts]} rows cannot be joined", "features"))
        self.parts = tuple(parts)
        self.device = self.parts[0].device
        self.dtype = max((part.dtype for part in self.parts), key=lambda dtype: dtype.itemsize)
        self.rounding = max(part.rounding for part in self.parts)

    def __len__(self) -> int:
        """Return ``N``."""
        return len(self.parts[0])

    def gram(self, rows: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` of all rows with ``rows``."""
        return self.products(self.take(rows))

    def sq_norms(self) -> Tensor:
        """Return the squared norms ``[N]``."""
        return sum((part.sq_norms() for part in self.parts), torch.zeros((), dtype=self.dtype, device=self.device))

    def take(self, rows: Tensor) -> Sum:
        """Return a copy of ``rows`` ``[m]``."""
        return Sum([part.take(rows) for part in self.parts])

    def part(self, start: int, stop: int) -> Sum:
        """Return the rows from ``start`` to ``stop`` without copying them."""
        return Sum([part.part(start, stop) for part in self.parts])

    def double(self) -> Sum:
        """Return the rows in ``float64``; meant for few."""
        return Sum([part.double() for part in self.parts])

    def products(self, few: Sum) -> Tensor:
        """Return the inner products ``[N, m]`` with the rows of ``few``, which has the same parts."""
        pairs = zip(self.parts, few.parts, strict=True)
        return torch.stack([part.products(other).to(self.dtype) for part, other in pairs]).sum(0)

    def sq_gaps(self, other: Sum) -> Tensor:
        """Return the squared distances ``[N]`` row by row."""
        pairs = zip(self.parts, other.parts, strict=True)
        return torch.stack([part.sq_gaps(twin) for part, twin in pairs]).sum(0)

    def vectors(self) -> Tensor:
        """Return the rows ``[N, D]``."""
        return torch.cat([part.vectors().to(self.dtype) for part in self.parts], dim=1)

    def project(self, vectors: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` with ``vectors`` ``[m, D]``."""
        widths = [part.part(0, 1).vectors().shape[1] for part in self.parts]
        pairs = zip(self.parts, vectors.split(widths, dim=1), strict=True)
        return torch.stack([part.project(few.to(part.dtype)).to(self.dtype) for part, few in pairs]).sum(0)


def as_features(features: Tensor | Features) -> Features:
    """Return ``features``, a matrix ``[N, d]`` as ``Dense``."""
    return Dense(features) if isinstance(features, Tensor) else features


def slices(features: Features, columns: int = 1) -> Iterator[slice]:
    """Yield slices of the rows, such that a product with ``columns`` rows is of a size that caches like.

    On a device it is of a size that keeps it busy.
    """
    entries, least, most = CPU_SLICE if features.device.type == "cpu" else DEVICE_SLICE
    step = min(max(entries // columns, least), most)
    for start in range(0, len(features), step):
        yield slice(start, min(start + step, len(features)))
