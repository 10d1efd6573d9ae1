"""Gaussian kernel of rows, a block at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, slices

__all__ = ["GaussianKernel"]

#: Error of a kernel value from which on products are made in double precision.
_FELT = 1e-5
_BLOCK_VALUES = 1 << 20


class GaussianKernel:
    """``exp(-d² / radius²)`` between rows of ``features``.

    Attributes:
        features: The rows.
        dtype: Of kernel values: ``float32``, or ``float64`` where the radius is so small that distances in single
            precision would change them.
        rounding: Error of a kernel value, as a bound that holds with near certainty.
    """

    def __init__(self, features: Features, radius: float, *, normalize: bool) -> None:
        """Scale rows to unit length where ``normalize``; rows of zeros stay."""
        self.features: Features = features
        if isinstance(features, Dense) and not normalize:
            self.features = features.centered()
        norms = _double_norms(self.features)
        self._scales = _unit_scales(norms) if normalize else torch.ones_like(norms)
        self._norms = norms * self._scales.square()
        self._radius = float(radius)
        error = 2 * features.rounding * float(self._norms.max()) / radius**2 if len(features) else 0.0
        self._wide = features.dtype == torch.float32 and error > _FELT
        self.dtype = torch.float64 if self._wide else features.dtype
        limit = torch.finfo(self.dtype).eps
        self.rounding = limit + error * (limit / torch.finfo(features.dtype).eps)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.features)

    @property
    def device(self) -> torch.device:
        """Where kernel values come out."""
        return self.features.device

    def between(self, few: Tensor, part: slice, *, wide: bool = False) -> Tensor:
        """Return the kernel ``[p, m]`` of the rows of ``part`` with ``few`` ``[m]``; ``float64`` where ``wide``."""
        theirs, ours = self.features.part(part.start, part.stop), self.features.take(few)
        wide = wide or self._wide
        products = theirs.double().products(ours.double()) if wide else theirs.products(ours)
        scale = self._radius**-2
        left, right = self._scales[part].unsqueeze(1), self._scales[few] * (2 * scale)
        products.mul_(left.to(products)).mul_(right.to(products))
        products.sub_((self._norms[part] * scale).unsqueeze(1).to(products))
        return products.sub_((self._norms[few] * scale).to(products)).clamp_max_(0).exp_()

    def exact(self, rows: Tensor, row: Tensor) -> Tensor:
        """Return the kernel ``[m]`` ``float64`` of ``rows`` ``[m]`` with ``row`` ``[1]``, from differences."""
        values = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        ours = self._unit(row)
        step = max(1, _BLOCK_VALUES // ours.shape[1])
        for start in range(0, len(rows), step):
            gaps = self._unit(rows[start : start + step]).sub_(ours).square_().sum(dim=1)
            values[start : start + step] = gaps.mul_(-(self._radius**-2)).exp_()
        return values

    def _unit(self, rows: Tensor) -> Tensor:
        """Return the vectors ``[m, D]`` ``float64`` of ``rows`` ``[m]``, scaled."""
        return self.features.take(rows).double().vectors() * self._scales[rows].unsqueeze(1)


def _unit_scales(norms: Tensor) -> Tensor:
    """Return what rows with squared ``norms`` ``[N]`` are to be multiplied with to have unit length; 1 for zeros."""
    return torch.where(norms > 0, norms, 1.0).rsqrt()


def _double_norms(features: Features) -> Tensor:
    norms = torch.empty(len(features), dtype=torch.float64, device=features.device)
    for part in slices(features):
        norms[part] = features.part(part.start, part.stop).double().sq_norms()
    return norms
