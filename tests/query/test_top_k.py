"""Selection: order, ties, refusals, and streaming equal to all at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.core.errors import StrategyError
from alrun.query.selection.top_k import RunningTopK, top_k

# Few distinct values, so that most examples tie across chunk borders.
SCORES = st.lists(st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0, np.inf]), max_size=40)


@given(scores=SCORES, n=st.integers(-1, 45))
@settings(max_examples=200)
def test_same_as_a_stable_sort(scores: list[float], n: int) -> None:
    reference = sorted(range(len(scores)), key=lambda position: (-scores[position], position))[: max(n, 0)]
    picks = top_k(torch.tensor(scores, dtype=torch.float32), n)
    assert picks.dtype is torch.int64
    assert picks.tolist() == reference


@given(scores=SCORES, n=st.integers(0, 45), data=st.data())
@settings(max_examples=200)
def test_streaming_is_one_shot_for_any_chunks_and_order(scores: list[float], n: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(scores))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(scores)), max_size=6)))
    best = RunningTopK(n)
    for start, stop in zip([0, *cuts], [*cuts, len(scores)], strict=True):
        rows = torch.tensor(order[start:stop], dtype=torch.int64)
        best.update(torch.tensor([scores[row] for row in rows.tolist()], dtype=torch.float64), rows)
    everything = torch.tensor(scores, dtype=torch.float64)
    assert best.rows.tolist() == top_k(everything, n).tolist()
    assert best.scores.tolist() == everything[best.rows].tolist()


def test_nan_is_refused_wherever_it_stands() -> None:
    scores = torch.tensor([1.0, 2.0, float("nan")])
    with pytest.raises(StrategyError, match="position 2"):
        top_k(scores, 1)
    with pytest.raises(StrategyError, match="NaN"):
        RunningTopK(0).update(scores, torch.arange(3))


def test_a_running_selection_holds_no_more_than_n() -> None:
    best = RunningTopK(3)
    for start in range(0, 1000, 100):
        rows = torch.arange(start, start + 100)
        best.update(rows.float(), rows)
        assert len(best.rows) == len(best.scores) == 3
    assert best.rows.tolist() == [999, 998, 997]
