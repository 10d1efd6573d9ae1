"""The commands, end to end: run, answer, continue, resume, sweep, show."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import (  # type: ignore[import-not-found]
    SMALL,
    Alrun,
    cold,
    commits,
    contents,
    info,
    only_run,
    results,
    runs,
)

from alrun import __version__

LIGHT = "import sys; from alrun.cli.main import main; code = main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


@pytest.fixture
def finished(small_run: Path, tmp_path: Path) -> Path:
    """The run of ``SMALL`` where that command finds it."""
    place = tmp_path / "outputs/default" / small_run.name
    shutil.copytree(small_run, place)
    return place


def frame(run: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(run / f"{name}.parquet")


def first_metrics(run: Path) -> pd.DataFrame:
    """Return what was measured before the first query."""
    return frame(run, "records").query("step == 1 and strategy == 'classification'")


def assert_light(folder: Path, *words: str) -> str:
    """Run a command in a process of its own; it must end well, and need neither torch nor what is built on it."""
    done = cold(folder, *words, program=("-c", LIGHT))
    assert done.code == 0, done
    heavy = {"torch", "lightning", "sklearn", "pandas", "torchmetrics", "numpy"} & set(done.err.split())
    assert heavy == set(), words
    return str(done.out)


def test_the_same_command_answers_from_the_records(alrun: Alrun, tmp_path: Path) -> None:
    first = alrun(*SMALL)
    assert first.code == 0, first
    assert "finished: the budget of 30 labels is spent" in first.out
    before = contents(tmp_path), commits(tmp_path), results(only_run(tmp_path))
    second = assert_light(tmp_path, *SMALL)
    assert "already finished: the budget of 30 labels is spent" in second
    assert (contents(tmp_path), commits(tmp_path), results(only_run(tmp_path))) == before
    assert re.findall(r"accuracy +([\d.]+)", second) == re.findall(r"accuracy +([\d.]+)", first.out)
    assert "30/30" in assert_light(tmp_path, "status")
    place = str(only_run(tmp_path).relative_to(tmp_path))
    assert f"alrun resume {place} budget=60" in second
    assert "already finished" in assert_light(tmp_path, "resume", place)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--help"], "alrun resume DIR"),
        (["ls"], "Entropy of the predicted class probabilities"),
        (["ls", "query"], "bald"),
        (["--cfg", "job"], "_target_: alrun.learner.mlp.MLP"),
        (["--cfg", "job", "learner=linear"], "_target_: alrun.learner.linear.Linear"),
        (["--info", "defaults"], "Defaults List"),
        (["status"], "no runs below"),
        (["-sc", "install=bash"], "complete"),
        (["--version"], f"alrun {__version__}"),
    ],
)
def test_light_commands(words: list[str], part: str, tmp_path: Path) -> None:
    if words == ["status"]:
        (tmp_path / "outputs").mkdir()
    before = contents(tmp_path)
    assert part in assert_light(tmp_path, *words)
    assert contents(tmp_path) == before


def test_help_names_every_knob_and_option(alrun: Alrun) -> None:
    text = alrun("--help").out
    for name in ("seed", "predict_batch_size", "threads", "mc_dropout", "noisy_oracle"):
        assert name in text


def test_validate_builds_nothing(alrun: Alrun, tmp_path: Path) -> None:
    answer = alrun("validate", "-m", "seed=0,1", "query=entropy,margin")
    assert answer.code == 0
    assert answer.out.count("ok: outputs/default/digits-mlp-") == 4
    assert contents(tmp_path) == set()


def test_a_larger_budget_continues_and_keeps_the_prefix(alrun: Alrun, finished: Path, tmp_path: Path) -> None:
    run = finished
    records, acquired, committed = frame(run, "records"), frame(run, "acquisitions"), commits(tmp_path)
    assert alrun(*SMALL, "budget=50").code == 0
    assert only_run(tmp_path) == run
    longer = frame(run, "records")
    assert longer.step.max() == records.step.max() + 2
    pd.testing.assert_frame_equal(longer[longer.step <= records.step.max()].reset_index(drop=True), records)
    bought = frame(run, "acquisitions")
    assert len(bought) == 50
    assert bought["index"].is_unique
    pd.testing.assert_frame_equal(bought.head(len(acquired)), acquired)
    assert commits(tmp_path).items() > committed.items()
    straight = tmp_path / "straight"
    assert alrun(*SMALL, "budget=50", f"output_dir={straight}").code == 0
    assert results(only_run(straight)) == results(run)


@pytest.mark.usefixtures("finished")
def test_a_smaller_budget_is_answered(alrun: Alrun, tmp_path: Path) -> None:
    before = commits(tmp_path)
    answer = alrun(*SMALL, "budget=20")
    assert answer.code == 0
    assert "already finished" in answer.out
    assert commits(tmp_path) == before


def test_fresh_sets_aside(alrun: Alrun, finished: Path) -> None:
    before = results(finished)
    assert alrun(*SMALL, "fresh=true").code == 0
    (aside,) = finished.parent.glob("*.aside-*")
    assert results(aside) == results(finished) == before


def test_fresh_sets_nothing_aside_for_a_command_that_is_refused(alrun: Alrun, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["a,b,y", *(f"{i % 7},{i % 5},{i % 2}" for i in range(90))]))
    words = (*SMALL[2:], "data=table", "data.path=table.csv", "data.target=y", "budget=20")
    assert alrun(*words).code == 0
    before = contents(tmp_path)
    table.unlink()
    assert alrun(*words, "fresh=true").code == 2
    assert contents(tmp_path) == before - {"table.csv"}


def test_resume_from_a_moved_directory(alrun: Alrun, tmp_path: Path, small_run: Path) -> None:
    assert alrun(*SMALL, "budget=20").code == 0
    moved = tmp_path / "elsewhere" / "my run"
    moved.parent.mkdir()
    shutil.move(only_run(tmp_path), moved)
    shutil.rmtree(tmp_path / "outputs")
    answer = alrun("resume", str(moved), "budget=30")
    assert answer.code == 0, answer
    assert info(moved)["labels"] == 30
    assert not (tmp_path / "outputs").exists()
    assert results(moved) == results(small_run)


def test_a_stored_config_builds_nothing_by_itself(alrun: Alrun, tmp_path: Path, small_run: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("alrun.data.moons.Moons", "os.system"))
    answer = alrun("resume", "run", "budget=90")
    assert answer.code == 2
    assert "data._target_" in answer.err
    assert "os.system" in answer.err


def test_runs_that_differ_in_the_query_alone_share_everything_before_it(alrun: Alrun, tmp_path: Path) -> None:
    assert alrun("-m", *SMALL, "query=entropy,random,[margin,random]", "seed=0").code == 0
    first, *others = runs(tmp_path)
    assert [path.name.split("-s0-")[0] for path in (first, *others)] == [
        "moons-mlp-entropy",
        "moons-mlp-margin+random",
        "moons-mlp-random",
    ]
    start, weights = frame(first, "acquisitions").query("step == 0"), results(first)
    for other in others:
        pd.testing.assert_frame_equal(frame(other, "acquisitions").query("step == 0"), start)
        name = "checkpoints/step_1/training/weights.safetensors"
        assert results(other)[name] == weights[name]
        pd.testing.assert_frame_equal(first_metrics(other), first_metrics(first))
    assert alrun(*SMALL, "seed=1").code == 0
    assert not frame(runs(tmp_path)[1], "acquisitions").query("step == 0")["index"].equals(start["index"])


def test_a_single_run_that_fails(alrun: Alrun, tmp_path: Path) -> None:
    (tmp_path / "fragile_alone.py").write_text(
        "from alrun.query.random import Random\n\nclass Fragile(Random):\n    def sample(self, queue):\n        1 / 0\n"
    )
    words = (*SMALL, "query=random", "query.random._target_=fragile_alone.Fragile")
    refused = alrun(*words)
    assert (refused.code, runs(tmp_path)) == (2, [])
    answer = alrun("--trust=fragile_alone", *words)
    sys.modules.pop("fragile_alone", None)
    assert answer.code == 1
    assert "query of step 1: random: ZeroDivisionError" in answer.err
    assert "alrun.log" in answer.err
    assert f"continue: alrun resume {only_run(tmp_path).relative_to(tmp_path)}" in answer.out


def test_flags_stand_anywhere(alrun: Alrun) -> None:
    answer = alrun("seed=0,1", "-m", *SMALL)
    assert answer.code == 0
    assert "2 jobs: 2 finished" in answer.out
