"""Every ready-made experiment runs to its end under ``debug=default``; the paired one is reported in pairs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from alrun.cli.ls import read_options
from alrun.cli.main import main
from alrun.config.compose import Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust

EXPERIMENTS = {option.name: option.command.split()[1:] for option in read_options([conf_dir()])["experiment"]}
ALONE = [words for words in EXPERIMENTS.values() if words[0] != "-m"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    rows = [[number % 7, "rgb"[number % 3], "yes" if number % 7 > 3 else "no"] for number in range(200)]
    with (tmp_path / "my.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["size", "colour", "label"], *rows])
    return tmp_path


@pytest.mark.parametrize("words", ALONE, ids=" ".join)
def test_it_runs_to_its_end(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "debug=default"]) == 0
    (path,) = (folder / "outputs" / "debug").glob("*/run.json")
    told = json.loads(path.read_text())
    assert (told["status"], told["labels"], told["step"]) == ("finished", 30, 3)
    assert path.parent.name in capsys.readouterr().out


def test_the_paired_comparison_is_reported_in_pairs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Entropy and margin are asked for; random and the ceiling come along, once for each seed."""
    words = [word.replace("seed=0,1,2", "seed=0,1") for word in EXPERIMENTS["paired"]]
    sweep = [*words, "debug=default", "progress=false"]
    assert main(sweep) == 0
    assert "8 jobs: 8 finished (0 before" in capsys.readouterr().out
    assert main(sweep) == 0
    assert "8 jobs: 8 finished (8 before" in capsys.readouterr().out
    assert main(["report", "outputs/debug"]) == 0
    with (folder / "outputs" / "debug" / "report" / "auc.csv").open(newline="") as file:
        areas = {row["query"]: row for row in csv.DictReader(file)}
    assert set(areas) == {"random", "entropy", "margin"}
    assert {row["baseline"] for row in areas.values()} == {"random"}
    assert [areas[name]["pairs"] for name in ("entropy", "margin")] == ["2.0", "2.0"]


def test_the_ceiling_is_drawn_above_the_paired_comparison(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ("training.max_epochs=2", "progress=false", "seed=0,1")
    assert main(["-m", "experiment=paired", "query=random,entropy", "budget=40", *quick]) == 0
    assert "6 jobs: 6 finished (0 before" in capsys.readouterr().out
    assert main(["-m", "experiment=ceiling", *quick]) == 0
    assert "2 jobs: 2 finished (2 before" in capsys.readouterr().out
    ceiling = next(
        path
        for path in (folder / "outputs/paired").glob("*/run.json")
        if json.loads(path.read_text())["budget"] == 1258
    )
    assert json.loads(ceiling.read_text())["reason"] == "the budget of 1258 labels is spent"
    assert main(["verify", str(ceiling.parent)]) == 0
    capsys.readouterr()
    assert main(["report", "outputs/paired", "--json"]) == 0
    study = json.loads(capsys.readouterr().out)
    assert study["strategies"] == ["random", "entropy"]
    assert [(row["seed"], row["labels"]) for row in study["ceilings"]] == [(0, 1258), (1, 1258)]
    assert max(row["labels"] for row in study["points"]) == 40


def test_the_regimes_differ_in_their_labels_alone() -> None:
    composer = Composer(Trust())
    low, medium, high = (
        resolved(composer.compose([f"experiment={name}"]).config) for name in ("low", "medium", "high")
    )
    sizes = ("initial_size", "query_size", "budget")
    for fewer, more in ((low, medium), (medium, high)):
        assert all(fewer[key] < more[key] for key in sizes)
        assert {key for key, value in fewer.items() if more[key] != value} == {"name", *sizes} | interpolated(
            fewer, more
        )


def interpolated(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """Return the groups that differ because their numbers are taken from the knobs."""
    groups = ("query", "cold_start", "stopping")
    return {group for group in groups if one[group] != other[group]}


@pytest.mark.parametrize("data", [["data=moons"], ["data=table", "data.path=my.csv", "data.target=label"]])
def test_the_ceiling_is_that_of_any_data(data: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment=ceiling", *data, "training.max_epochs=1", "progress=false"]) == 0
    (path,) = (folder / "outputs/paired").glob("*/run.json")
    told = json.loads(path.read_text())
    assert told["labels"] == told["budget"]
    assert told["reason"] == f"the budget of {told['labels']} labels is spent"
    capsys.readouterr()
    assert main([*data, "initial_size=1000000000", "budget=10000", "training.max_epochs=1"]) == 2
    assert "smaller than the cold start" in capsys.readouterr().err


def test_controls_are_jobs_of_the_sweep_that_asks_for_them() -> None:
    composer = Composer(Trust())
    words = ("experiment=paired", "query=margin,entropy", "query_size=10,20", "budget=100", "seed=0,1")
    sweep = composer.compose_sweep(words)
    jobs = sweep.words
    assert len(jobs) == len(set(jobs)) == 8 + 4 + 2
    for job in jobs:
        assert resolved(sweep.compose(job).config) == resolved(Composer(Trust()).compose(job).config)
    ceilings = [job for job in jobs if "initial_size=1000000000" in job]
    assert sorted(ceilings) == sorted(
        ("experiment=paired", "query=random", seed, "initial_size=1000000000", "query_size=1", "budget=1000000000")
        for seed in ("seed=0", "seed=1")
    )
    assert len(composer.compose_sweep([*words, "controls=false"]).words) == 8
    assert len(composer.compose_sweep(["experiment=paired", "query=random", "seed=0,1"]).words) == 4
    assert composer.compose(["experiment=paired", "query=margin"]).config.controls is True
