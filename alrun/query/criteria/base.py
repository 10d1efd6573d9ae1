"""Criteria: scores of rows that combine with each other and with numbers by ``+ - * /``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem

__all__ = ["Combination", "Constant", "Criterion", "Difference", "Product", "Quotient", "Sum"]


class Criterion(ABC):
    """Scores class probabilities, higher = more informative. ``+ - * /`` of criteria and numbers are criteria too.

    Results of the four operations are kept within the finite range of their dtype, so that scores are never NaN for
    probabilities that are none: not for ``p = 0``, not for a divisor of 0.

    Example:
        >>> from alrun.query.criteria.uncertainty import Entropy, Margin
        >>> (Entropy() + 0.5 * Margin()).score(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
        tensor([-0.5000,  0.6931])
    """

    @abstractmethod
    def score(self, probabilities: Tensor) -> Tensor:
        """Return one score per row, ``[..., N]``, of ``probabilities`` ``[..., N, C]``; dtype and device stay."""

    def __add__(self, other: Criterion | float) -> Criterion:
        """Return the sum."""
        return Sum(self, other)

    def __radd__(self, other: float) -> Criterion:
        """Return the sum."""
        return Sum(other, self)

    def __sub__(self, other: Criterion | float) -> Criterion:
        """Return the difference."""
        return Difference(self, other)

    def __rsub__(self, other: float) -> Criterion:
        """Return the difference."""
        return Difference(other, self)

    def __mul__(self, other: Criterion | float) -> Criterion:
        """Return the product."""
        return Product(self, other)

    def __rmul__(self, other: float) -> Criterion:
        """Return the product."""
        return Product(other, self)

    def __truediv__(self, other: Criterion | float) -> Criterion:
        """Return the quotient."""
        return Quotient(self, other)

    def __rtruediv__(self, other: float) -> Criterion:
        """Return the quotient."""
        return Quotient(other, self)

    def __neg__(self) -> Criterion:
        """Return the criterion that ranks the other way round."""
        return Product(-1.0, self)


class Constant(Criterion):
    """The same score for every row."""

    def __init__(self, value: float) -> None:
        """Score ``value``; refused with ``ConfigError`` unless it is a finite number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            hint = "for example entropy + 0.5 * margin"
            raise ConfigError(Problem(f"{value!r} is neither a criterion nor a finite number", "query", hint))
        self.value = float(value)

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the value for every row, ``[..., N]``."""
        return probabilities.new_full(probabilities.shape[:-1], self.value)

    def __repr__(self) -> str:
        return f"{self.value:g}"


class Combination(Criterion):
    """Two criteria and the operation between them; a number stands for the criterion that always gives it.

    Attributes:
        symbol: How the operation is written.
    """

    symbol: ClassVar[str]

    def __init__(self, left: Criterion | float, right: Criterion | float) -> None:
        """Combine ``left`` with ``right``."""
        self.left = left if isinstance(left, Criterion) else Constant(left)
        self.right = right if isinstance(right, Criterion) else Constant(right)

    @abstractmethod
    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the combined scores, ``[..., N]`` like both operands."""

    def score(self, probabilities: Tensor) -> Tensor:
        """Return the combined scores, within the finite range of their dtype; NaN stays NaN."""
        limit = torch.finfo(probabilities.dtype).max
        combined = self.combine(self.left.score(probabilities), self.right.score(probabilities))
        return combined.clamp(-limit, limit)

    def __repr__(self) -> str:
        return f"({self.left!r} {self.symbol} {self.right!r})"


class Sum(Combination):
    """``left + right``."""

    symbol = "+"

    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the sum."""
        return left + right


class Difference(Combination):
    """``left - right``."""

    symbol = "-"

    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the difference."""
        return left - right


class Product(Combination):
    """``left * right``."""

    symbol = "*"

    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the product."""
        return left * right


class Quotient(Combination):
    """``left / right``, where a divisor of 0 counts as the smallest positive normal number of the dtype.

    So ``0 / 0`` is 0, and any other quotient by 0 is very large, finite, and has the sign of ``left``.
    """

    symbol = "/"

    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the quotient."""
        tiny = right.new_tensor(torch.finfo(right.dtype).tiny)
        return left / torch.where(right == 0, tiny, right)
