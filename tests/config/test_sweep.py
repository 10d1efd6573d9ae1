"""A sweep's jobs are composed in place, and are what Hydra makes of each job's words alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from alrun.config.compose import Composed, Composer, resolved
from alrun.config.hydra_loader import load
from alrun.config.sweep import Expansion
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError

#: Runs of the comparison; ``ALRUN_SWEEPS=200`` for a long one.
RUNS = int(os.environ.get("ALRUN_SWEEPS", "3"))
#: Words of which a sweep takes some: groups, values inside them, added, forced and deleted keys, lists, references.
WORDS = (
    "seed=0,1,2",
    "seed=range(0,3)",
    "seed='${budget}',1",
    "++seed=3,4",
    "query=entropy,margin",
    "query=[entropy,random],margin",
    "query=glob(m*)",
    "query.entropy.max_samples=1,2",
    "query.entropy.max_samples='${budget}',3",
    "query_size=3,4",
    "query_size=choice(5,6)",
    "initial_size=1,'${query_size}'",
    "learner=mlp,linear",
    "learner.hidden=[8],[8,4]",
    "learner.hidden=[8],['${query_size}',4]",
    "learner.hidden.0=3,4",
    "learner.dropout=0.1,0.2",
    "+learner.optimizer.weight_decay=0.1,0.2",
    "+learner.x={a: 1},{b: '${seed}'}",
    "+callbacks.x={a: ['${seed}']}",
    "+callbacks.x.b=1,2",
    "~stopping.steps",
    "~max_steps",
    "max_steps=1,null",
    "name=a,'b c','${learner.hidden}'",
    "output_dir='${oc.env:FOLDER}',x",
    "experiment=moons,surrogate",
    "experiment=own",
    "+own@data=own",
    "data=moons,digits",
    "data.n_samples=100,200",
    "stopping=[target_metric],[wall_clock]",
    "training.max_epochs=1,2",
    "hydra.verbose=false",
    "training=fabric,trainer",
    "experiment=sweeping",
)


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """Compose also from a folder with an experiment, and with an option that says its package."""
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "experiment").mkdir()
    (folder / "experiment/own.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /query: random\nseed: 5\nbudget: ${initial_size}\n"
    )
    params = "# @package _global_\nhydra: {sweeper: {params: {seed: '7,8', query: 'margin,random'}}}\n"
    (folder / "experiment/sweeping.yaml").write_text(params)
    (folder / "own").mkdir()
    (folder / "own/own.yaml").write_text("# @package data\nextra: ${seed}\n")
    return Composer(Trust(), folder)


def in_place(composer: Composer, words: Sequence[str]) -> list[tuple[tuple[str, ...], Any]]:
    try:
        sweep = composer.compose_sweep(words)
    except ConfigError:
        return []
    return [(job, outcome(lambda job=job: sweep.compose(job))) for job in sweep.words[:3]]


def alone(composer: Composer, job: Sequence[str]) -> Any:
    def compose() -> Any:
        return load(composer.loader, job)[0]

    return outcome(compose)


def outcome(compose: Any) -> Any:
    """Return the config unresolved and resolved, or that there is none."""
    try:
        made = compose()
        config = made.config if isinstance(made, Composed) else made
        values = (made.values if isinstance(made, Composed) else None) or resolved(config)
        return OmegaConf.to_container(config), list(values), values
    except ConfigError:
        return "refused"


@settings(max_examples=RUNS, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True))
def test_any_sweep(composer: Composer, words: list[str]) -> None:
    os.environ["FOLDER"] = "from-the-environment"
    for job, found in in_place(composer, words):
        assert found == alone(composer, job), job


def test_one_that_has_everything_in_place(composer: Composer) -> None:
    words = ["seed=0,1", "query.entropy.max_samples='${budget}',3", "learner.hidden=[8],['${query_size}',4]", "+x=1,2"]
    expansion = Expansion(composer, words)
    assert not any(expansion._fixed)
    assert len(expansion.sweep().words) == 16
    for job, found in in_place(composer, words):
        assert found != "refused"
        assert found == alone(composer, job), job


@pytest.mark.parametrize(
    "words",
    [
        ["+learner.x={a: 1},{b: 2}", "seed=0,1"],
        ["learner.hidden=[1],[2]", "learner.hidden.0=3,4"],
        ["+callbacks.x={a: 1}", "+callbacks.x.b=1,2"],
        ["max_steps=1,2", "~stopping.steps"],
    ],
)
def test_words_that_meddle_are_composed_anew(composer: Composer, words: list[str]) -> None:
    assert any(fixed for fixed, values in zip(*fixed_of(composer, words), strict=True) if values)
    for job, found in in_place(composer, words):
        assert found == alone(composer, job), job


def fixed_of(composer: Composer, words: Sequence[str]) -> tuple[list[bool], list[bool]]:
    expansion = Expansion(composer, words)
    return expansion._fixed, [override.is_sweep for override in expansion._overrides]


def test_a_word_that_is_said_twice_counts_once_as_for_hydra(composer: Composer) -> None:
    sweep = composer.compose_sweep(["seed=0,1", "query=margin", "seed=2,3"])
    assert sweep.words == [("seed=2", "query=margin"), ("seed=3", "query=margin")]


def test_parameters_of_the_sweeper_come_first(composer: Composer) -> None:
    sweep = composer.compose_sweep(["experiment=sweeping", "query=entropy"])
    assert [words[:2] for words in sweep.words] == [("seed=7", "query=entropy"), ("seed=8", "query=entropy")]
    assert [sweep.compose(words).config.seed for words in sweep.words] == [7, 8]
