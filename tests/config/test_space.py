"""Search spaces: what each of Hydra's spellings of several values stands for."""

from __future__ import annotations

from typing import Any

import pytest

from alrun.config.compose import Composer
from alrun.config.space import Space, space_of
from alrun.config.targets import Trust


def space(*words: str) -> Space:
    return space_of(Composer(Trust()).parsed(words, listed=False))


@pytest.mark.parametrize(
    ("word", "probes", "value", "typed"),
    [
        ("learner.dropout=interval(0.0,0.5)", (0.0, 0.5), 0.25, "learner.dropout=0.25"),
        ("budget=int(interval(20,60))", (20, 60), 33, "budget=33"),
        ("+learner.optimizer.lr=tag(log,interval(1e-5,0.1))", (1e-5, 0.1), 1e-4, "+learner.optimizer.lr=0.0001"),
        ("seed=range(0,10,3)", (0, 9), 6, "seed=6"),
        ("seed=shuffle(range(3))", (0, 2), 1, "seed=1"),
        ("seed=range(4,0,-2)", (2, 4), 2, "seed=2"),
        ("learner.dropout=range(0,1,0.1)", (0.0, 0.9), 0.30000000000000004, "learner.dropout=0.3"),
        ("learner.hidden=choice([8],[8,4])", ("[8]", "[8,4]"), "[8,4]", "learner.hidden=[8,4]"),
        ("name='a b',c", ("'a b'", "c"), "'a b'", "name='a b'"),
        ("max_steps=null,3,3", ("null", "3"), "null", "max_steps=null"),
        ("query=glob(ba*)", ("badge", "bait", "bald", "balsa", "batchbald"), "bald", "query=bald"),
        ("query=glob(ba*,exclude=bait)", ("badge", "bald", "balsa", "batchbald"), "bald", "query=bald"),
    ],
)
def test_several_values(word: str, probes: tuple[Any, ...], value: Any, typed: str) -> None:
    found = space("data=moons", word, "progress=false")
    ((key, one),) = found.dimensions.items()
    assert one.probes == probes
    assert [type(probe) for probe in one.probes] == [type(probe) for probe in probes]
    assert one.is_log == ("log" in word)
    assert one.is_glob == ("glob" in word)
    assert found.job({key: value}) == ("data=moons", typed, "progress=false")


def test_words_keep_their_order_and_the_last_of_a_key_counts() -> None:
    found = Composer(Trust()).compose_sweep(
        ["hydra/sweeper=optuna", "+hydra.sweeper.params={seed: '1,2', budget: 'range(30,50)'}", "budget=7"]
    )
    assert found.space is not None
    assert list(found.space.dimensions) == ["seed"]
    assert found.space.job({"seed": "2"})[:2] == ("seed=2", "budget=7")
