"""Checks of constructor arguments: what passes, what does not, and what to type instead."""

from __future__ import annotations

from typing import Any

import pytest

from alrun.core.arguments import choice_problems, count_problems, number_problems, raise_any
from alrun.core.errors import ConfigError, DataError, Problem


@pytest.mark.parametrize(("value", "least", "passes"), [(1, 1, True), (0, 0, True), (0, 1, False), (-1, 0, False)])
def test_a_count_has_a_least_value(value: int, least: int, passes: bool) -> None:
    assert (list(count_problems("query.mine.n", value, "query.mine.n=3", least=least)) == []) is passes


@pytest.mark.parametrize("value", [True, 2.0, "2", None])
def test_a_count_is_a_whole_number(value: Any) -> None:
    (problem,) = count_problems("query.mine.n", value, "query.mine.n=3")
    assert problem == Problem(f"{value!r} is not a positive whole number", "query.mine.n", "query.mine.n=3")


@pytest.mark.parametrize(
    ("value", "passes"),
    [(0, True), (0.5, True), (-0.1, False), (float("nan"), False), (float("inf"), False), (True, False), ("1", False)],
)
def test_a_number_is_finite_and_has_a_least_value(value: Any, passes: bool) -> None:
    assert (list(number_problems("query.mine.weight", value, "query.mine.weight=1")) == []) is passes


@pytest.mark.parametrize(
    ("value", "hint"),
    [("entropie", "query.mine.measure=entropy"), ("xyz", "one of: entropy, margin"), (None, "one of: entropy, margin")],
)
def test_a_choice_is_refused_with_the_nearest_or_with_all(value: Any, hint: str) -> None:
    assert list(choice_problems("query.mine.measure", "margin", ["margin", "entropy"])) == []
    (problem,) = choice_problems("query.mine.measure", value, ["margin", "entropy"])
    assert problem == Problem(f"unknown measure {value!r}", "query.mine.measure", hint)


def test_all_problems_are_raised_together_and_none_is_no_error() -> None:
    raise_any([])
    found = [*count_problems("a", 0, "a=1"), *number_problems("b", -1, "b=1")]
    with pytest.raises(ConfigError) as caught:
        raise_any(found)
    assert list(caught.value.problems) == found
    with pytest.raises(DataError):
        raise_any(found, DataError)
