"""Outer products as features, by their factors."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.selection.dense import Dense

__all__ = ["OuterProduct"]


class OuterProduct:
    """Row ``i`` is the outer product of ``left[i]`` and ``right[i]``, flattened, and never formed.

    The gradient of a loss with respect to the weights of a last linear layer is one: ``(p - y) ⊗ h`` (Ash et al. 2020).
    """

    def __init__(self, left: Tensor | Dense, right: Tensor | Dense) -> None:
        """Take the factors ``[N, C]`` and ``[N, d]``, each in a dtype and a memory of its own, on one device."""
        self.left = left if isinstance(left, Dense) else Dense(left)
        self.right = right if isinstance(right, Dense) else Dense(right)
        if len(self.left) != len(self.right):
            raise ConfigError(Problem(f"factors of {len(self.left)} and {len(self.right)} rows", "features"))
        self.device = self.left.device
        self.dtype = torch.promote_types(self.left.dtype, self.right.dtype)
        self.rounding = self.left.rounding + self.right.rounding

    def __len__(self) -> int:
        """Return ``N``."""
        return len(self.left)

    def gram(self, rows: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` of all rows with ``rows``."""
        return self.products(self.take(rows))

    def sq_norms(self) -> Tensor:
        """Return the products of the factors' squared norms, ``[N]``."""
        return self.left.sq_norms() * self.right.sq_norms()

    def take(self, rows: Tensor) -> OuterProduct:
        """Return a copy of ``rows`` ``[m]``."""
        return OuterProduct(self.left.take(rows), self.right.take(rows))

    def part(self, start: int, stop: int) -> OuterProduct:
        """Return the rows from ``start`` to ``stop`` without copying them."""
        return OuterProduct(self.left.part(start, stop), self.right.part(start, stop))

    def double(self) -> OuterProduct:
        """Return the rows in ``float64``; meant for few."""
        return OuterProduct(self.left.double(), self.right.double())

    def products(self, few: OuterProduct) -> Tensor:
        """Return the inner products ``[N, m]`` with the rows of ``few``: those of the factors, multiplied."""
        return self.right.products(few.right).to(self.dtype).mul_(self.left.products(few.left))

    def sq_gaps(self, other: OuterProduct) -> Tensor:
        """Return the squared distances ``[N]`` row by row; exactly 0 where both factors are the same."""
        left, right = self.left.vectors().double(), self.right.vectors().double()
        other_right = other.right.vectors().double()
        turned, moved = left - other.left.vectors(), right - other_right
        # left⊗right - left'⊗right' = left⊗moved + turned⊗right', which does not cancel for rows close together.
        apart = left.square().sum(1) * moved.square().sum(1) + turned.square().sum(1) * other_right.square().sum(1)
        return (apart + 2 * (left * turned).sum(1) * (moved * other_right).sum(1)).clamp_min_(0)

    def vectors(self) -> Tensor:
        """Return the outer products ``[N, C * d]``."""
        left, right = self.left.vectors().to(self.dtype), self.right.vectors().to(self.dtype)
        return (left[:, :, None] * right[:, None, :]).flatten(1)

    def project(self, vectors: Tensor) -> Tensor:
        """Return the inner products ``[N, m]`` with ``vectors`` ``[m, C * d]``, by way of ``[N, m, C]``."""
        left = self.left.vectors().to(self.dtype)
        width = left.shape[1]
        inner = self.right.project(vectors.reshape(len(vectors) * width, -1).to(self.right.dtype))
        return torch.einsum("nmc,nc->nm", inner.to(self.dtype).unflatten(1, (-1, width)), left)
