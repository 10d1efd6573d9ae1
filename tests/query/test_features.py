"""Features that are not formed, against the same features formed."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.selection.features import Dense, Features, OuterProduct, Sum, as_features, slices

ROWS = torch.tensor([5, 0, 39, 5])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def outer() -> OuterProduct:
    return OuterProduct(normal(40, 3), normal(40, 7, seed=1))


def formed(features: Features) -> Tensor:
    if isinstance(features, OuterProduct):
        return torch.stack(
            [torch.outer(a, b).flatten() for a, b in zip(normal(40, 3), normal(40, 7, seed=1), strict=True)]
        )
    if isinstance(features, Sum):
        return torch.cat([formed(part) for part in features.parts], dim=1)
    return normal(40, 6, seed=2)


@pytest.mark.parametrize(
    "features", [Dense(normal(40, 6, seed=2)), outer(), Sum([outer(), Dense(normal(40, 6, seed=2))])]
)
def test_lazy_features_are_the_formed_ones(features: Features) -> None:
    matrix = formed(features)
    few = features.take(ROWS)
    close = partial(torch.testing.assert_close, check_dtype=False)
    close(features.vectors(), matrix, rtol=1e-6, atol=1e-6)
    close(features.gram(ROWS), matrix @ matrix[ROWS].T, rtol=1e-5, atol=1e-5)
    close(features.gram(ROWS[:1]), matrix @ matrix[ROWS[:1]].T, rtol=1e-5, atol=1e-5)
    close(features.sq_norms(), matrix.square().sum(1), rtol=1e-5, atol=1e-5)
    close(features.part(3, 9).products(few), matrix[3:9] @ matrix[ROWS].T, rtol=1e-5, atol=1e-5)
    close(few.vectors(), matrix[ROWS], rtol=1e-6, atol=1e-6)
    directions = normal(2, matrix.shape[1], seed=3)
    close(features.project(directions), matrix @ directions.T, rtol=1e-5, atol=1e-5)
    gaps = (matrix[3:7].double() - matrix[ROWS].double()).square().sum(1)
    close(features.part(3, 7).sq_gaps(few), gaps, rtol=1e-6, atol=1e-9)
    assert few.sq_gaps(features.take(ROWS)).tolist() == [0] * 4


def test_gaps_between_rows_close_together_keep_their_digits() -> None:
    left, right = normal(1, 3).double(), 1e4 * normal(1, 7, seed=1).double()
    near = OuterProduct(left, right + 1e-6).sq_gaps(OuterProduct(left, right))
    torch.testing.assert_close(near, left.square().sum(1) * 7e-12, rtol=1e-4, atol=0)


def test_slices_cover_the_rows_once() -> None:
    features = Dense(torch.zeros(5000, 2))
    assert torch.cat([torch.arange(5000)[rows] for rows in slices(features)]).tolist() == list(range(5000))


def test_half_precision_is_widened() -> None:
    half = normal(40, 30, seed=2).bfloat16()
    torch.testing.assert_close(Dense(half).gram(ROWS), half.float() @ half.float()[ROWS].T)


@pytest.mark.parametrize(("columns", "dtype"), [(16, torch.float64), (17, torch.float32)])
def test_few_columns_are_multiplied_in_double_precision(columns: int, dtype: torch.dtype) -> None:
    assert Dense(normal(4, columns)).gram(torch.tensor([1])).dtype == dtype


@pytest.mark.parametrize("features", [torch.zeros(3), torch.zeros(3, 2, dtype=torch.int64)])
def test_what_is_no_matrix_of_floats_is_refused(features: Tensor) -> None:
    with pytest.raises(ConfigError, match="matrix of floats"):
        as_features(features)


def test_unequal_factors_and_parts_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 and 4 rows"):
        OuterProduct(torch.zeros(3, 1), torch.zeros(4, 1))
    with pytest.raises(ConfigError, match="cannot be joined"):
        Sum([Dense(torch.zeros(3, 1)), Dense(torch.zeros(4, 1))])
