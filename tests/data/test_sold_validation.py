"""Validation rows for sale: apart from the training rows, through the same states."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alrun.core.errors import StrategyError
from alrun.core.seeding import Seeds
from alrun.data.digits import Digits
from alrun.pool.pools import pools


def test_validation_rows_start_without_labels_and_are_not_seen_by_queries() -> None:
    source = Digits()
    plain, sold = pools(source, Seeds(3)), pools(source, Seeds(3), sell_validation=True)
    pool: Any = sold.unlabeled
    assert pool.indices.equal(plain.unlabeled.indices)  # type: ignore[union-attr]
    assert pool.validation_indices.equal(plain.validation.indices)  # type: ignore[union-attr]
    assert len(sold.validation) == 0  # type: ignore[arg-type]
    assert sold.test.indices.equal(plain.test.indices)  # type: ignore[union-attr]
    mixed = torch.cat([pool.indices[:3], pool.validation_indices[:2], torch.tensor([-1])])
    assert pool.is_validation(mixed).tolist() == [False] * 3 + [True] * 2 + [False]


def test_validation_rows_go_through_the_states_apart() -> None:
    pool: Any = pools(Digits(), Seeds(0), sell_validation=True).unlabeled
    training, validation = pool.indices, pool.validation_indices
    pool.take(torch.cat([training[:4], validation[:6]]))
    assert pool.pending.equal(training[:4])
    assert pool.validation_indices.equal(validation[6:])
    assert len(pool.reveal(validation[:6])) == 6
    pool.label(torch.cat([training[:1], validation[:2]]))
    pool.give_back(validation[2:6])
    assert pool.labelled.equal(training[:1])
    assert pool.validation_indices.equal(validation[2:])
    assert len(pool) == len(training) - 4
    with pytest.raises(StrategyError, match="held out"):
        pool.reveal(pools(Digits(), Seeds(0)).test.indices[:1])  # type: ignore[union-attr]


def test_without_validation_rows_nothing_is_sold() -> None:
    made = pools(Digits(validation_size=0), Seeds(0), sell_validation=True)
    assert made.validation is None
    assert not made.unlabeled.status.sells_validation  # type: ignore[union-attr]
