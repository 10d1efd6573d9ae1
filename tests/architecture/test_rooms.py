"""Config group, room and test folder of a strategy bear the same name; and every option says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import alrun
from alrun.cli.ls import read_header
from alrun.config.check import all_problems
from alrun.config.compose import Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust

ROOMS = {path.parent.name for path in Path(alrun.__file__).parent.glob("*/__init__.py")}
OPTIONS = sorted(path for path in conf_dir().glob("*/*.yaml") if path.parent.name != "hydra")
STRATEGIES = [path for path in OPTIONS if path.parent.name not in ("experiment", "debug")]
#: A cold start may be a query strategy that needs no model.
SHARED = {"cold_start": "query"}
#: What combines features with a selector bears the name of the combination, not of a file.
COMBINED = "alrun.query.feature_query.FeatureQuery"


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", STRATEGIES, ids=name_of)
def test_an_option_is_built_from_the_room_of_its_group(path: Path) -> None:
    group = path.parent.name
    targets = re.findall(r"^ *_target_: (alrun\.\S+)", path.read_text(), flags=re.MULTILINE)
    assert group in ROOMS
    assert targets
    assert {target.split(".")[1] for target in targets} <= {group, SHARED.get(group, group)}
    if targets[0] != COMBINED:
        assert targets[0].split(".")[2] == path.stem


def test_every_room_of_strategies_has_a_test_folder_of_its_name() -> None:
    tests = Path(__file__).parent.parent
    groups = {path.parent.name for path in STRATEGIES}
    assert groups <= {path.name for path in tests.iterdir() if any(path.glob("test_*.py"))}


@pytest.mark.parametrize("path", OPTIONS, ids=name_of)
def test_an_option_says_what_it_is_and_its_command_composes_and_fits(path: Path) -> None:
    group = path.parent.name
    description, command = read_header(path)
    program, *words = command.split()
    assert description[0].isupper()
    assert description.endswith(".")
    assert program == "alrun"
    composer = Composer(Trust())
    sweep = composer.compose_sweep(words[1:]) if words[0] == "-m" else composer.compose_single(words)
    chosen = set[str]()
    for job in map(sweep.compose, sweep.words):
        values = resolved(job.config)
        assert values["seed"] in (0, 1, 2)
        assert [problem for problem in all_problems(values, Trust()) if "--trust my_pkg" not in problem.hint] == []
        chosen |= {str(job.choices.get(group)), *(job.config.get(group) or ())}
    assert path.stem in chosen
