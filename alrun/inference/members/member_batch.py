"""Batches of several members: the same for all, stacked, or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alrun.core.compat import tree_leaves, tree_map

__all__ = ["MemberBatch"]


@dataclass(frozen=True)
class MemberBatch:
    """What each member computes on.

    Attributes:
        data: Nested tuples, lists and dicts of tensors and whatever else a batch may hold; where ``listed``, a list
            with the batch of each member.
        dim: Dimension of the tensors in ``data`` that goes by member, or ``None`` where all members share them.
        listed: Whether ``data`` is such a list.
    """

    data: Any
    dim: int | None = None
    listed: bool = False

    @staticmethod
    def shared(data: Any) -> MemberBatch:
        """Return the batch ``data`` for every member."""
        return MemberBatch(data)

    @staticmethod
    def columns(data: Any) -> MemberBatch:
        """Return the batches of a loader with several shuffles: tensors ``[B, M, ...]``, or a list with ``M`` batches.

        Listed batches are stacked where their tensors have the same shapes and there is nothing but tensors in them.
        """
        if type(data) is not list:
            return MemberBatch(data, dim=1)
        stacked = _stacked(data)
        return MemberBatch(data, listed=True) if stacked is None else MemberBatch(stacked, dim=1)

    def of(self, number: int) -> Any:
        """Return the batch of member ``number``."""
        if self.listed:
            return self.data[number]
        dim = self.dim
        if dim is None:
            return self.data
        return tree_map(lambda leaf: leaf.select(dim, number) if isinstance(leaf, Tensor) else leaf, self.data)

    @property
    def is_tensors(self) -> bool:
        """Whether there are only tensors, in one structure for all members."""
        return not self.listed and all(isinstance(leaf, Tensor) and leaf.ndim for leaf in tree_leaves(self.data))

    def tiny(self, members: int, rows: int) -> MemberBatch:
        """Return the first ``rows`` rows for the first ``members`` members, of a batch that ``is_tensors``."""
        if self.dim is None:
            return MemberBatch(tree_map(lambda leaf: leaf[:rows], self.data))
        return MemberBatch(tree_map(lambda leaf: leaf[:rows, :members], self.data), self.dim)


def _stacked(batches: Sequence[Any]) -> Any | None:
    leaves = [tree_leaves(batch) for batch in batches]
    first = leaves[0]
    alike = all(
        len(one) == len(first)
        and all(
            isinstance(leaf, Tensor) and leaf.ndim and leaf.shape == like.shape
            for leaf, like in zip(one, first, strict=True)
        )
        for one in leaves
    )
    return tree_map(lambda *parts: torch.stack(parts, dim=1), *batches) if alike else None
