"""The order behind ``balanced``: every prefix as even as the classes allow."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.cold_start.balanced import balanced_order


def as_even_as_possible(available: list[int], n: int) -> list[int]:
    """Hand out ``n`` places one by one to the class that has fewest and is not used up; sorted counts."""
    taken = [0] * len(available)
    for _ in range(n):
        open_classes = [c for c in range(len(available)) if taken[c] < available[c]]
        taken[min(open_classes, key=lambda c: taken[c])] += 1
    return sorted(taken)


@given(classes=st.lists(st.integers(0, 4), min_size=1, max_size=60), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_every_prefix_is_even(classes: list[int], seed: int) -> None:
    chances = torch.from_numpy(np.random.default_rng(seed).random(len(classes)))
    order = balanced_order(torch.tensor(classes), chances)
    assert sorted(order.tolist()) == list(range(len(classes)))
    available = np.bincount(classes, minlength=5).tolist()
    picked = np.array(classes)[order.numpy()]
    for n in range(len(classes) + 1):
        counts = np.bincount(picked[:n], minlength=5).tolist()
        assert sorted(counts) == as_even_as_possible(available, n)


def test_within_a_class_chance_decides() -> None:
    order = balanced_order(torch.tensor([1, 1, 1, 0]), torch.tensor([0.9, 0.1, 0.5, 0.2]))
    assert order.tolist() == [1, 3, 2, 0]
