"""A stored config is read within limits, and comes to no more than these when it is resolved."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from yaml import SafeLoader, YAMLError
from yaml.constructor import SafeConstructor

from alrun.config.stored import parse_config, yaml_loader
from alrun.core.errors import ConfigError

TEXTS = "k0: ${seed}\nseed: 0\n" + "".join(f"k{n}: ${{k{n - 1}}}${{k{n - 1}}}\n" for n in range(1, 40))
NODES = "k0: [1, 2]\n" + "".join(f"k{n}: ['${{k{n - 1}}}', '${{k{n - 1}}}']\n" for n in range(1, 40))
SELECT = "k0: [1, 2]\n" + "".join(
    f"k{n}: ['${{oc.select:k{n - 1}}}', '${{oc.select:x,${{k{n - 1}}}}}']\n" for n in range(1, 40)
)


@pytest.mark.parametrize("text", [TEXTS, NODES, SELECT], ids=["texts", "nodes", "select"])
def test_a_few_lines_do_not_stand_for_thousands(text: str) -> None:
    with pytest.raises(ConfigError, match=r"comes to more than|refers to itself"):
        parse_config(text, "config.yaml")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: ${a}", "refers to itself"),
        ("a: ${b}\nb: ${a}", "refers to itself"),
        ("a: {b: '${a}'}", "refers to itself"),
        ("a: b\nb: ${${a}}", "refers to itself"),
        ("a: '" + "${b}" * 2000 + "'\nb: 1", "interpolations"),
        ('a: "' + "\\u0024{b}" * 2000 + '"\nb: 1', "interpolations"),
        ("a: ${b", "cannot be read"),
        ("- a", "is not a mapping"),
        ("a", "is not a mapping"),
        ("'a: &a [x, x]\n\n  b: [*a, *a]'", "is not a mapping"),
        ("a: !!python/object/apply:pathlib.Path [x]", "cannot be read"),
        ("a: !!binary aGVsbG8=\nb: !!timestamp 2001-01-01", "cannot be read"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_config(text, "config.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "a: ${b}\nb: {c: 1e-3, d: '${b.c}'}\ne: ${a.c}\n",
        "a: [1, 2]\nb: ${a[0]} ${a.1}\nc: ${oc.env:HOME,x}\nd: {e: '${.f}', f: '${..a}'}\n",
        "k: c\na: {b: 1, c: 2}\nd: ${a.${k}}\ne: ${nowhere}\n",
        "a: 0x10\nb: 1_000\nc: 12:30\nd: 2001-01-01\ne: yes\nf: 1e5\ng: .inf\n",
        "a: 1e-3\nb: 1.\nc: .5\nd: 1e+3\ne: 010\nf: 0b11\ng: ~\nh: ''\ni: 'no'\nj: -.inf\nk: 1:30.5\n",
        'a: |\n  two\n  lines\nb: >-\n  folded\n  text\nc: "\\u00e9\\n"\nd: é # a remark\n',
        "a: &x 1\nb: !!str 2\nc: !!float 3\n? d\n: 4\n",
        "<<: {a: 1}\nb: [[], {}]\n1: one\ntrue: two\n",
        "a: 1\na: 2\n",
        "a: {b: 1, b: 2}\n",
        "a: 1\n--- \nb: 2\n",
    ],
)
def test_what_is_read_is_what_omegaconf_reads(text: str) -> None:
    try:
        expected = OmegaConf.create(text)
    except (ValueError, YAMLError):
        with pytest.raises(ConfigError):
            parse_config(text, "config.yaml")
        return
    found = parse_config(text, "config.yaml")
    assert repr(found) == repr(expected), "1 is not 1.0, nor True"


def test_the_loader_makes_only_what_a_safe_one_makes() -> None:
    assert issubclass(yaml_loader(), SafeConstructor)
    assert yaml_loader().yaml_constructors == SafeLoader.yaml_constructors
    assert not yaml_loader().yaml_multi_constructors


def test_without_libyaml_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("yaml.CSafeLoader")
    yaml_loader.cache_clear()
    try:
        assert repr(parse_config("a: 1e-3\nb: 2001-01-01\n", "config.yaml")) == "{'a': 0.001, 'b': '2001-01-01'}"
        with pytest.raises(ConfigError, match="cannot be read"):
            parse_config("a: !!python/object/apply:pathlib.Path [x]", "config.yaml")
    finally:
        yaml_loader.cache_clear()
