"""JSON and YAML from elsewhere cost what their size says, or are refused."""

from __future__ import annotations

import json

import pytest

from alrun.core.parsing import MOST_LEVELS, check_yaml, parse_json, parse_yaml


@pytest.mark.parametrize("value", [{"a": [1, "[[[{{", '"\\"]']}, [], "x", {"b": {"c": [None, 1.5, True]}}])
def test_json_that_is_none_too_deep(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps([[value] * 200]).encode()) == [[value] * 200]


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 500, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is(levels: int, opening: str, closing: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(opening * levels + "1" + closing * levels)


def test_levels_are_not_hidden_in_text() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json('["]]", ' * 100 + "1" + "]" * 100)
    assert parse_json('["' + "[" * 10_000 + '"]') == ["[" * 10_000]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a [x, x]\nb: [*a, *a]\n", "line 2: an alias"),
        ("a: &a [*a]\n", "line 1: an alias"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", "line 3: an alias"),
        ("[" * 1000, "deeper than any config"),
        (f"[{'a,' * 30_000}]", "larger or deeper"),
        (f"a: 1{':59' * 10_000}", "a value of 30001 characters"),
        ("a: 1\n b: 2", "line 2: mapping values are not allowed"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: !!float x", "could not convert"),
        ("a: [", "line"),
        ("a\x00b", "."),
    ],
)
def test_yaml_that_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)


def test_yaml_that_is_not() -> None:
    text = "a: [1, 2.5, x, null]\nb:\n- {c: '*not an alias'}\n- &unused long\n"
    check_yaml(text)
    assert parse_yaml(text) == {"a": [1, 2.5, "x", None], "b": [{"c": "*not an alias"}, "long"]}
    assert parse_yaml(f'a: "{"x" * 100_000}"')["a"] == "x" * 100_000
