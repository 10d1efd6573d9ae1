"""Greedy determinant maximization: every pick is the row with the largest remaining variance."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.query.selection.checks import checked_labeled
from alrun.query.selection.dense import Dense
from alrun.query.selection.features import Features, as_features, slices
from alrun.query.selection.lazy import BLOCK, lazy_greedy

__all__ = ["max_det"]

__algorithm__ = 2  # rows with a large part in common

RELATIVE = 1e-12
#: Error of a row less its part along another row, relative to the row's norm.
ROUNDING = 8 * torch.finfo(torch.float64).eps


def max_det(features: Tensor | Features, labeled: Tensor, n: int, *, sigma: float = 0.0) -> Tensor:
    """Return the rows that make the determinant of ``K + sigma² I`` grow fastest, ``K`` being the Gram matrix.

    This is MaxDet of Holzmüller et al. (2023, section 4.3), a partial Cholesky decomposition with pivots. The factor is
    not kept as ``[N, n]`` but as ``n`` directions in feature space, ``O(N + (L + n) D)`` memory, and scores of all rows
    are brought up to date for many picks at once, as they can only fall. It computes in ``float64``, in
    ``O(N D (L + n))`` operations. More labeled rows than dimensions are taken in by their covariance instead, which
    costs ``D²`` memory. Extra memory is 24 bytes per row.

    Where all rows have a large part in common, variances would drown in the rounding of squared norms. There all rows
    are taken less their part along the first row in the matrix, which changes all determinants by one factor alone.

    Args:
        features: ``[N, d]`` floats, or features; rows of ``D`` dimensions are formed slice by slice.
        labeled: Rows ``[L]`` ``int64`` that are in the matrix from the start.
        n: How many to pick.
        sigma: Standard deviation of the noise, in units of the features' norms.

    Returns:
        Rows ``[min(n, N - L)]`` ``int64`` in order of choice; of equals the first. Once no row leaves any variance (of
        no more dimensions than rows picked, without noise), the first rows left.

    Raises:
        ConfigError: When ``labeled`` names rows that are not there, or one twice, or ``sigma`` is negative.
        StrategyError: When the features are not finite.
    """
    lazy = as_features(features)
    if not sigma >= 0:
        raise ConfigError(Problem(f"sigma must be 0 or more, not {sigma}", "sigma"))
    labeled = checked_labeled(labeled, len(lazy), lazy.device)
    n = min(n, len(lazy) - len(labeled))
    if n <= 0:
        return labeled.new_empty(0)
    if not isinstance(lazy, Dense) or lazy.centered() is lazy:
        return _picks(_Variances(lazy, sigma), labeled, n)
    picked = labeled if len(labeled) else _picks(_Variances(lazy, sigma), labeled, 1)
    variances = _Variances(lazy, sigma, picked[:1])
    fresh = picked[len(labeled) :]
    return torch.cat([fresh, _picks(variances, picked[1:], n - len(fresh))])


def _picks(variances: _Variances, labeled: Tensor, n: int) -> Tensor:
    variances.condition(labeled)
    return lazy_greedy(variances, n)


class _Variances:
    """What the picks leave of each row's squared norm, plus noise, as scores that fall."""

    shortlisted = 512

    def __init__(self, features: Features, sigma: float, first: Tensor | None = None) -> None:
        """Take ``features``, less what they have in common with the row ``first`` ``[1]``, if any is given."""
        self.features, self.noise = features, sigma**2
        self.first = None if first is None else _Direction(features.take(first).vectors()[0].double(), sigma)
        self.width = self._rows(slice(0, 1)).shape[1]
        self.values = torch.empty(len(features), dtype=torch.float64, device=features.device)
        for part in self._slices(1):
            self.values[part] = self._rows(part).square().sum(1)
        if not self.values.isfinite().all():
            row = int((~self.values.isfinite()).nonzero()[0])
            raise StrategyError(f"the features of row {row} are not finite, or too large to square")
        self.slack = RELATIVE * self.values
        if self.first is not None:
            self.slack += ROUNDING * (self.values * features.sq_norms()).sqrt()
        self.values += self.noise
        if first is not None:
            self.values[first] = -torch.inf
        self.directions = self.values.new_zeros(0, self.width)

    def _slices(self, columns: int) -> list[slice]:
        return list(slices(self.features, max(columns, self.width)))

    def _rows(self, part: slice) -> Tensor:
        return self._left(self.features.part(part.start, part.stop).vectors().double())

    def few(self, rows: Tensor) -> Tensor:
        """Return ``rows`` themselves, ``[m, D]`` ``float64``."""
        return self._left(self.features.take(rows).vectors().double())

    def _left(self, rows: Tensor) -> Tensor:
        return rows if self.first is None else self.first.removed(rows)

    def condition(self, labeled: Tensor) -> None:
        """Take in the labeled rows."""
        if len(labeled) > self.width:
            self._lower(self._principal(labeled))
        else:
            for block in labeled.split(BLOCK) if len(labeled) else ():
                self.absorb(block)
        self.values[labeled] = -torch.inf

    def _principal(self, rows: Tensor) -> Tensor:
        """Return directions ``[D, D]`` that leave the same variances as ``rows`` one by one."""
        second = self.values.new_zeros(self.width, self.width)
        for block in rows.split(1024):
            few = self.few(block)
            second.addmm_(few.T, few)
        spectrum, axes = torch.linalg.eigh(second)
        kept = spectrum > RELATIVE * spectrum[-1]
        directions: Tensor = ((spectrum / (spectrum + self.noise)).sqrt() * axes)[:, kept].T
        return directions

    def errors(self) -> Tensor:
        return self.slack

    def shortlist(self, rows: Tensor) -> _Few:
        return _Few(self, rows)

    def absorb(self, rows: Tensor) -> None:
        few = self.few(rows)
        inside = few @ self.directions.T
        left = few - inside @ self.directions
        gram = few @ few.T - inside @ inside.T
        gram.diagonal().add_(self.noise)
        self._lower(_directions(gram, left, self.slack[rows]))
        self.values[rows] = -torch.inf

    def _lower(self, fresh: Tensor) -> None:
        for part in self._slices(len(fresh)):
            self.values[part] -= (self._rows(part) @ fresh.T).square_().sum(1)
        self.values.masked_fill_((self.values <= self.slack) & (self.values > -torch.inf), 0)
        self.directions = torch.cat([self.directions, fresh])


class _Direction:
    """The direction of one row, of which there is a noisy measurement.

    The noise is a dimension of its own, which other rows have no part in until the direction is taken off them. What
    is left of them has the covariances that they have once the measurement is known.
    """

    def __init__(self, row: Tensor, sigma: float) -> None:
        measured = torch.cat([row, row.new_tensor([sigma])])
        self.unit = measured / measured.norm()

    def removed(self, rows: Tensor) -> Tensor:
        """Return ``rows`` ``[m, D]`` without their part along the direction, ``[m, D + 1]``."""
        inside = rows @ self.unit[:-1, None]
        return torch.cat([rows - inside * self.unit[:-1], -inside * self.unit[-1]], dim=1)


def _directions(gram: Tensor, left: Tensor, slack: Tensor) -> Tensor:
    """Return the inverse of the Cholesky factor of ``gram`` ``[m, m]`` times ``left`` ``[m, D]``.

    Rows that depend on those before, with a pivot within ``slack`` ``[m]``, are left out.
    """
    factor, least, kept = gram.cpu().numpy().copy(), slack.cpu().numpy(), []
    for pivot in range(len(factor)):
        if factor[pivot, pivot] > least[pivot]:
            kept.append(pivot)
            column = factor[pivot:, pivot] / factor[pivot, pivot] ** 0.5
            factor[pivot:, pivot] = column
            factor[pivot + 1 :, pivot + 1 :] -= column[1:, None] * column[1:]
    lower = torch.from_numpy(factor).to(left.device)[kept][:, kept].tril()
    solved: Tensor = torch.linalg.solve_triangular(lower, left[kept], upper=False)
    return solved


class _Few:
    """The shortlist: a partial Cholesky decomposition with pivots."""

    def __init__(self, variances: _Variances, rows: Tensor) -> None:
        few = variances.few(rows)
        inside = few @ variances.directions.T
        self.gram = few @ few.T - inside @ inside.T
        self.noise, self.slack = variances.noise, variances.slack[rows]
        self.values = variances.values[rows]
        self.errors = self.slack.clone()
        self.columns: list[Tensor] = []

    def settle(self, which: Tensor) -> None:
        # What is within rounding of each other counts as equal.
        self.values[which] = self.values[which].amax()
        self.errors[which] = 0

    def pick(self, chosen: int) -> None:
        column = self.gram[:, chosen].clone()
        if self.columns:
            factor = torch.stack(self.columns)
            column -= factor[:, chosen] @ factor
        pivot = float(column[chosen]) + self.noise
        if pivot > float(self.slack[chosen]):
            self.columns.append(column / pivot**0.5)
            self.values -= self.columns[-1].square()
        taken = self.values == -torch.inf
        self.values.masked_fill_(self.values <= self.slack, 0).masked_fill_(taken, -torch.inf)
        self.values[chosen] = -torch.inf
        self.errors.copy_(self.slack)
