"""Bisection on lines against breadth-first search, and what it does to imbalance."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alrun.query.selection.galaxy import bisected, galaxy, ranking

Signs = NDArray[np.int8]


def distances(signs: Signs, order: int, sign: int) -> dict[int, int]:
    """Return the steps from the nearest place of ``sign`` to each place that is free or has the other sign."""
    found = {int(place): 0 for place in np.flatnonzero(signs == sign)}
    todo = deque(found)
    while todo:
        place = todo.popleft()
        if signs[place] == -sign:
            continue
        for other in range(max(0, place - order), min(len(signs), place + order + 1)):
            if other not in found and not signs[place] == -signs[other] != 0:
                found[other] = found[place] + 1
                todo.append(other)
    return found


@settings(max_examples=400)
@given(st.lists(st.sampled_from([0, 0, 0, 0, 1, -1]), min_size=1, max_size=40), st.integers(1, 5))
def test_middle_of_the_shortest_path(values: list[int], order: int) -> None:
    signs = np.array(values, dtype=np.int8)
    ahead, back = distances(signs, order, 1), distances(signs, order, -1)
    lengths = [ahead[int(place)] for place in np.flatnonzero(signs == -1) if int(place) in ahead]
    picked = bisected(signs, order)
    if not lengths:
        assert picked is None
        return
    shortest = min(lengths)
    assert picked is not None
    assert signs[picked] == 0
    assert back[picked] == (shortest + 1) // 2
    assert ahead[picked] == shortest - back[picked]


def test_line_of_a_class() -> None:
    probabilities = torch.tensor(
        [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.45, 0.15], [0.9, 0.05, 0.05], [0.1, 0.2, 0.7]]
    )
    assert ranking(probabilities, 0).tolist() == [1, 4, 2, 0, 3]
    assert ranking(probabilities, 2).tolist() == [3, 1, 0, 2, 4]


def test_two_classes_are_cut_where_the_prediction_turns() -> None:
    """With a label at each end, a batch closes in on the place where the most probable class changes."""
    first = torch.linspace(0.01, 0.99, 101, dtype=torch.float64)
    probabilities = torch.stack([first, 1 - first], dim=1)[
        torch.randperm(101, generator=torch.Generator().manual_seed(0))
    ]
    ends = torch.stack([probabilities[:, 0].argmin(), probabilities[:, 0].argmax()])
    picks = galaxy(probabilities, ends, torch.tensor([1, 0]), 8, torch.Generator())
    gaps = (probabilities[picks, 0] - 0.5).abs().tolist()
    assert gaps[0] < 0.01
    assert max(gaps[1:]) <= 0.26
    assert len(set(picks.tolist()) | set(ends.tolist())) == 10


def test_rare_class_gets_more_than_its_share() -> None:
    """95 of 100 rows are predicted to be of the first class; half of the picks straddle the border, as published."""
    generator = torch.Generator().manual_seed(0)
    rare = torch.arange(1000) % 20 == 0
    logit = torch.where(rare, 1.0, -2.0) + 0.5 * torch.randn(1000, generator=generator)
    probabilities = torch.stack([1 - logit.sigmoid(), logit.sigmoid()], dim=1)
    labeled = torch.cat([rare.nonzero()[:2, 0], (~rare).nonzero()[:8, 0]])
    picks = galaxy(probabilities, labeled, rare[labeled].long(), 40, generator)
    assert int(rare[picks].sum()) >= 15


def test_random_rows_where_one_class_alone_is_known_and_all_of_them_in_the_end() -> None:
    probabilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    labeled, labels = torch.tensor([4, 7]), torch.tensor([1, 1])
    first, again, other = (
        galaxy(probabilities, labeled, labels, 5, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert first.tolist() == again.tolist() != other.tolist()
    everything = galaxy(probabilities, labeled, labels, 99, torch.Generator().manual_seed(0))
    assert sorted(everything.tolist()) == [row for row in range(30) if row not in (4, 7)]
