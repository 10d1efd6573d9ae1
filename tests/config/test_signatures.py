"""Does a node fit what it names?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import pytest
import torch

from alrun.config.signatures import signature_problems
from alrun.core.suggest import did_you_mean


class Thing:
    def __init__(
        self,
        spec: object,
        size: int,
        rate: float = 0.1,
        name: str | None = None,
        on: bool = True,
        items: Sequence[int] = (),
        free: Any = None,
    ) -> None: ...


def anything(size: int, **others: object) -> None: ...


def old(rate: object = 0.1, count: object = None) -> None: ...


old.__annotations__ = {"rate": Union[float, torch.Tensor], "count": Optional[int]}  # noqa: UP007, UP045 - as torch has it


def said(target: object, **node: object) -> list[str]:
    return [str(problem) for problem in signature_problems(target, {"_target_": "x", **node}, "thing")]


@pytest.mark.parametrize(
    "node",
    [
        {"size": 3},
        {"size": 3, "rate": 1},
        {"size": 3, "rate": 1e-3, "name": None, "on": False, "items": [1], "free": object()},
        {"_partial_": True},
        {"_args_": [None, 3]},
    ],
)
def test_fits(node: Mapping[str, object]) -> None:
    assert said(Thing, **node) == []


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "'thing.size' is needed\n    → thing.size=…"),
        ({"size": 3, "raet": 1}, "unknown key 'thing.raet'\n    → did you mean thing.rate?"),
        ({"size": 1.5}, "thing.size: 1.5 is not a whole number\n    → for example thing.size=10"),
        ({"size": True}, "thing.size: True is not a whole number\n    → for example thing.size=10"),
        ({"size": None}, "thing.size: None is not a whole number\n    → for example thing.size=10"),
        ({"size": [1]}, "thing.size: [1] is not a whole number\n    → for example thing.size=10"),
        ({"size": 3, "rate": "fast"}, "thing.rate: 'fast' is not a number\n    → for example thing.rate=0.1"),
        ({"size": 3, "name": 7}, "thing.name: 7 is not a text or null\n    → for example thing.name=null"),
        ({"size": 3, "on": "yes"}, "thing.on: 'yes' is not true or false\n    → for example thing.on=true"),
    ],
)
def test_does_not_fit(node: Mapping[str, object], message: str) -> None:
    assert said(Thing, **node) == [message]


def test_says_everything_at_once() -> None:
    assert len(said(Thing, rate="x", on=3, bogus=1)) == 4


def test_what_the_runner_fills_in_is_neither_needed_nor_offered() -> None:
    assert said(Thing, size=3) == []
    assert "spec" not in said(Thing, size=3, spek=1)[0]


def test_keywords_of_any_name() -> None:
    assert said(anything, size=1, other="x") == []
    assert said(anything, size="x", other="x") == [
        "thing.size: 'x' is not a whole number\n    → for example thing.size=10"
    ]


def test_annotations_of_libraries() -> None:
    assert said(old, rate=1, count=None) == []
    assert said(old, rate="abc", count=1.5) == [
        "thing.rate: 'abc' is not a number\n    → for example thing.rate=0.1",
        "thing.count: 1.5 is not a whole number or null\n    → for example thing.count=null",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("entrpy", "did you mean query=entropy?"),
        ("ENTROPY!", "did you mean query=entropy?"),
        ("zzz", "one of: entropy, margin"),
    ],
)
def test_did_you_mean(name: str, hint: str) -> None:
    assert did_you_mean(name, ["margin", "entropy"], prefix="query=") == hint


def test_no_list_of_too_many() -> None:
    assert did_you_mean("zzz", [f"name{i}" for i in range(21)]) == ""
    assert did_you_mean("zzz", []) == ""
