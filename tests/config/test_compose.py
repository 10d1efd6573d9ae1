"""Words to a config; the command of every option that is shipped is composed in ``architecture/test_rooms.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.config.check import all_problems
from alrun.config.compose import Composed, Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError


def composed(*words: str) -> Composed:
    return Composer(Trust()).compose(words)


@pytest.mark.parametrize(
    "words",
    [
        ("data=dataset", "data.dataset._target_=alrun.data.moons.Moons"),
        ("data=function", "label=function", "label.function._target_=alrun.data.simulators.branin"),
    ],
)
def test_options_that_take_a_target_of_the_users_fit(words: tuple[str, ...]) -> None:
    assert all_problems(resolved(composed(*words).config), Trust()) == []


def test_the_default_is_whole() -> None:
    job = composed()
    assert all_problems(resolved(job.config), Trust()) == []
    assert "hydra" not in job.config
    assert {group: job.choices[group] for group in ("data", "learner", "query")} == {
        "data": "digits",
        "learner": "mlp",
        "query": "entropy",
    }


def test_several_options_keep_their_order_and_give_their_names() -> None:
    job = composed("query=[margin,random,entropy]")
    assert list(job.config.query) == ["margin", "random", "entropy"]
    assert job.choices["query"] == "margin+random+entropy"
    assert job.choices["metrology"] == "classification+acquisition"


def test_what_the_command_line_says_wins_over_what_the_data_choose() -> None:
    assert list(composed("data=diabetes").config.query) == ["variance"]
    assert list(composed("data=diabetes", "query=random").config.query) == ["random"]


def test_knobs_reach_the_strategies() -> None:
    config = resolved(composed("query_size=7", "initial_size=3", "budget=50").config)
    assert config["query"]["entropy"]["max_samples"] == 7
    assert config["cold_start"]["max_samples"] == 3
    assert config["stopping"]["budget"]["labels"] == 50


def test_jobs_of_a_sweep_come_in_the_order_in_which_hydra_runs_them() -> None:
    sweep = Composer(Trust()).compose_sweep(["query=entropy,margin", "seed=range(0,2)"])
    jobs = map(sweep.compose, sweep.words)
    assert [(job.choices["query"], job.config.seed) for job in jobs] == [
        ("entropy", 0),
        ("entropy", 1),
        ("margin", 0),
        ("margin", 1),
    ]


def test_a_sweep_over_all_options() -> None:
    """Of a small group: each combination of options is composed anew, to see whether it asks for controls."""
    sweep = Composer(Trust()).compose_sweep(["inference=glob(*,exclude=[committee,laplace])"])
    options = {path.stem for path in conf_dir().glob("inference/*.yaml")} - {"committee", "laplace"}
    assert len(options) > 2
    assert sweep.words == [(f"inference={option}",) for option in sorted(options)]
    assert [sweep.compose(words).choices["inference"] for words in sweep.words] == sorted(options)


def test_a_config_folder_adds_options(tmp_path: Path) -> None:
    (tmp_path / "query").mkdir()
    (tmp_path / "query/mine.yaml").write_text("mine:\n  _target_: alrun.query.random.Random\n  max_samples: 2\n")
    composer = Composer(Trust(), tmp_path)
    job = composer.compose(["query=mine"])
    assert job.choices["query"] == "mine"
    assert resolved(job.config)["query"]["mine"]["max_samples"] == 2
    with pytest.raises(ConfigError, match=r"query=mine\?"):
        composer.compose(["query=mien"])


def test_hydras_own_state_is_left_as_it_was() -> None:
    from hydra.core.global_hydra import GlobalHydra

    composed()
    assert not GlobalHydra.instance().is_initialized()
