"""What makes two runs the same experiment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from alrun.config.compose import Composer, resolved
from alrun.config.identity import (
    EXTENDING,
    PRESENTATION,
    identity_difference,
    identity_hash,
    identity_of,
)
from alrun.config.targets import Trust
from alrun.core.knobs import terms
from alrun.core.settings import Config, TrainingSettings

WORDS = ["experiment=surrogate", "query=[variance,random]", "logger=csv", "stopping=wall_clock"]


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return resolved(Composer(Trust()).compose(WORDS).config)


KNOWN = json.loads(Path(__file__).with_name("identities.json").read_text())


def test_runs_on_disk_are_the_experiments_that_they_were() -> None:
    """An option that comes later must not change what has been bought labels for: ``LATER_ARGUMENTS`` lists it."""
    composer = Composer(Trust(["my_pkg"]))
    found = {words: identity_hash(resolved(composer.compose(words.split()).config))[:16] for words in KNOWN}
    assert {words for words in KNOWN if found[words] != KNOWN[words]} == set()


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


def changed(config: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    copy = deepcopy(config)
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = ["something", "else"]
    return copy


def test_every_key_is_a_field_of_the_settings(config: dict[str, Any]) -> None:
    assert config.keys() <= terms(Config).keys()
    assert config["training"].keys() == terms(TrainingSettings).keys()


def test_every_key_counts_or_does_not(config: dict[str, Any]) -> None:
    before = identity_hash(config)
    silent = {path for path in leaves(config) if identity_hash(changed(config, path)) == before}
    expected = {path for path in leaves(config) if path[0] in EXTENDING | PRESENTATION}
    assert silent == expected | {("training", "checkpoint_every"), ("label", "retries")}
    assert {("seed",), ("data", "simulator"), ("learner", "optimizer", "lr"), ("query_size",)}.isdisjoint(silent)


def test_order_of_strategies_counts_and_order_of_keys_does_not(config: dict[str, Any]) -> None:
    before = identity_hash(config)
    turned = {**config, "query": dict(reversed(config["query"].items()))}
    assert identity_hash(turned) != before
    assert identity_hash(dict(reversed(config.items()))) == before
    learner = {**config, "learner": dict(reversed(config["learner"].items()))}
    assert identity_hash(learner) == before


def test_difference_names_the_keys(config: dict[str, Any]) -> None:
    other = changed(changed(config, ("learner", "dropout")), ("name",))
    old = config["learner"]["dropout"]
    assert identity_difference(config, other) == [("learner.dropout", old, ["something", "else"])]
    assert identity_difference(config, config) == []


def test_identity_is_not_the_callers(config: dict[str, Any]) -> None:
    kept = identity_of(config)
    assert "checkpoint_every" not in kept["training"]
    assert "checkpoint_every" in config["training"]


def test_values_that_look_alike_differ(config: dict[str, Any]) -> None:
    hashes = {identity_hash({**config, "device": value}) for value in (1, "1", True, None, [1], {"1": 1})}
    assert len(hashes) == 6
