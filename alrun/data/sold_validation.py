"""Pools for experiments that buy the labels of their validation rows too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alrun.core.types import Split
from alrun.data.rows import RowSource, as_rows
from alrun.data.unlabeled_pool import RowStatus, UnlabeledPool

__all__ = ["SoldValidationPool"]


class SoldValidationPool(UnlabeledPool):
    """An unlabeled pool whose source also sells the labels of the validation rows.

    To query strategies it holds the training rows alone. Validation rows go through the same states, apart from them:
    they are taken, labelled and given back by the same methods, and stand in ``validation_indices`` in the meantime.
    """

    def __init__(self, source: RowSource, split: Split) -> None:
        """View the rows ``split.train`` and, for sale too, ``split.validation`` of ``source``."""
        super().__init__(source, split)
        self._validation = torch.zeros(len(source), dtype=torch.bool)
        self._validation[split.validation] = True
        self._status[split.validation] = int(RowStatus.UNLABELED)

    @property
    def validation_indices(self) -> Tensor:
        """Validation rows without a label, ``[n]`` ``int64``, ascending."""
        rows = super()._with(RowStatus.UNLABELED)
        return rows[self._validation[rows]]

    def is_validation(self, rows: Sequence[int] | Tensor) -> Tensor:
        """Return which of the source ``rows`` ``[n]`` are for validation, ``[n]`` ``bool``; new points are not."""
        known = as_rows(rows)
        return self._validation[known.clamp_min(0)] & (known >= 0)

    def _with(self, status: RowStatus) -> Tensor:
        rows = super()._with(status)
        return rows[~self._validation[rows]]
