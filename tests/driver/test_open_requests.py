"""Open requests: whose answer an answer is, and what is still open after any history."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.core.request import Request
from alrun.core.types import Annotation
from alrun.driver.open_requests import OpenRequests, Stranger

ORDERS = [4, 7, 2, 9]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["answer", "spoil", "reopen"]), st.sampled_from(ORDERS))))
def test_what_is_open_after_any_history_is_asked_for_in_the_old_order(history: list[tuple[str, int]]) -> None:
    requests = OpenRequests([(order, 10 * order) for order in ORDERS])
    answered, spoiled = set[int](), set[int]()
    for what, order in history:
        if what == "spoil":
            requests.spoil(order)
            spoiled |= {order} - answered
        elif (what == "answer") is (order not in answered):
            (requests.answer(order) if what == "answer" else requests.reopen([order]))
            answered ^= {order}
            spoiled.discard(order)
        left = [order for order in ORDERS if order not in answered]
        assert requests.items == [(order, 10 * order) for order in left]
        assert requests.any_spoiled == bool(spoiled)
        assert [order for order in ORDERS if requests.is_open(order)] == left
        oldest = next((order for order in left if order not in spoiled), None)
        for order in ORDERS:
            if order in left:
                assert requests.match(Annotation(10 * order, 0)) == order
            else:
                with pytest.raises(Stranger, match="a second time") as again:
                    requests.match(Annotation(10 * order, 0))
                assert again.value.order == order
        if oldest is None:
            with pytest.raises(Stranger, match="more requests than it was given"):
                requests.match("bare")
        else:
            assert requests.match("bare") == oldest
    assert requests.count == len(ORDERS)


def test_a_bare_answer_after_a_bad_one_must_leave_no_choice() -> None:
    taken = 1
    requests = OpenRequests([(0, 5), (1, 6), (2, 7)], taken=lambda: taken)
    requests.spoil(0)
    assert requests.match("bare", in_order=False) == 0, "nothing else was taken"
    taken = 2
    assert requests.match("bare", in_order=False) == 1, "the spoiled one was answered, in a way"
    taken = 3
    with pytest.raises(Stranger, match="several requests") as caught:
        requests.match("bare", in_order=False)
    assert caught.value.order == -1
    requests.answer(1)
    requests.answer(2)
    assert requests.match("bare", in_order=False) == 0
    requests.answer(0)
    with pytest.raises(Stranger, match="more requests than it was given"):
        requests.match("bare", in_order=False)


def test_where_nothing_is_taken_one_by_one_all_were_taken() -> None:
    requests = OpenRequests([(0, 5), (1, 6)])
    requests.spoil(0)
    assert requests.match("bare", in_order=False) == 1
    requests.answer(1)
    assert requests.match("bare", in_order=False) == 0


@pytest.mark.parametrize("item", [8, "elsewhere", (5, "size"), torch.zeros(3), [0.0, "x"], {}, None, object()])
def test_an_answer_to_something_else_belongs_to_no_request(item: Any) -> None:
    requests = OpenRequests([(0, 5), (1, (6, "size")), (2, torch.zeros(2))], [(3, 7)])
    with pytest.raises(Stranger, match="not made") as caught:
        requests.match(Annotation(item, 0))
    assert caught.value.order == -1


def test_points_are_known_by_their_values_and_rows_by_their_uuids_too() -> None:
    same = torch.tensor([1.0, 2.0])
    requests = OpenRequests(
        [(0, same), (1, same.clone()), (2, Request(6, uuid="six"))], [(3, Request(7, uuid="seven"))]
    )
    assert requests.match(Annotation(torch.tensor([1.0, 2.0]), 0)) == 0
    requests.answer(0)
    assert requests.match(Annotation(same, 0)) == 1
    assert requests.match(Annotation("six", 0)) == requests.match(Annotation(6, 0)) == 2
    for item in ("seven", 7):
        with pytest.raises(Stranger, match="a second time") as caught:
            requests.match(Annotation(item, 0))
        assert caught.value.order == 3
    assert requests.told(3) == "request 3, 7"
    assert requests.told(2) == "request 2, 6"
