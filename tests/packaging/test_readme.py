"""The README is short, and what it tells to type is accepted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alrun.cli.ls import read_options
from alrun.config.compose import Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TYPED = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
RUNS = [
    words[1:]
    for words in (shlex.split(line.split("&&")[-1], comments=True) for line in TYPED if "…" not in line)
    if words[0] == "alrun" and "=" in words[1]
]


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 150


def test_installation_and_tests_are_one_line_each() -> None:
    (install,) = [line for line in TYPED if line.startswith("pip install")]
    (test,) = [line for line in TYPED if line.startswith("pytest") and "--pyargs" not in line]
    assert install.endswith("&& alrun query=entropy learner=mlp")
    assert "-c constraints.txt" in install
    assert test.split()[0] == "pytest"


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_what_it_says_to_run_composes(words: list[str]) -> None:
    assert "seed" in resolved(Composer(Trust()).compose(words).config)


def test_it_names_every_experiment() -> None:
    names = {option.name for option in read_options([conf_dir()])["experiment"]}
    (listed,) = re.findall(r"ready-made: (.*)", TEXT)
    assert set(listed.split(", ")) == names
    assert len(RUNS) >= 6
