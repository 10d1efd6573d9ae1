"""Division by largest remainder: complete, in proportion, within the room."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.apportion import apportion


@given(
    st.integers(0, 200), st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any), st.sampled_from([int, float])
)
def test_the_largest_remainders_get_one_more(count: int, weights: list[int], kind: type) -> None:
    shares = apportion(count, [kind(weight) for weight in weights]).tolist()
    exact = [Fraction(count * weight, sum(weights)) for weight in weights]
    assert sum(shares) == count
    assert all(abs(share - part) < 1 for share, part in zip(shares, exact, strict=True))
    raised = [part - math.floor(part) for share, part in zip(shares, exact, strict=True) if share > part]
    lowered = [part - math.floor(part) for share, part in zip(shares, exact, strict=True) if share <= part]
    assert not raised or max(raised) >= min(raised) >= max(lowered) - Fraction(1, 10**9)


def test_by_hand() -> None:
    votes = np.array([47_000, 16_000, 15_800, 12_000, 6_100, 3_100])
    assert apportion(10, votes).tolist() == apportion(10, votes, votes).tolist() == [5, 2, 1, 1, 1, 0]
    assert apportion(10, [3, 3, 3]).tolist() == [4, 3, 3]
    assert apportion(7, [10, 0, 4]).tolist() == [5, 0, 2]
    assert apportion(5, [0, 0]).tolist() == [0, 0]


def test_ties_go_to_the_earlier_place_and_the_room_is_kept() -> None:
    assert apportion(2, [1, 1, 1], [1, 1, 1]).tolist() == [1, 1, 0]
    assert apportion(6, [8, 1, 1], [3, 2, 2]).tolist() == [3, 2, 1]
    with pytest.raises(ValueError, match="8 do not fit in 7 places"):
        apportion(8, [8, 1, 1], [3, 2, 2])
