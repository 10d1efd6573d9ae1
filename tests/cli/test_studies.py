"""Studies: Optuna chooses the jobs of a sweep, and what it learned stays."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import SMALL, Alrun, Warm, commits, runs  # type: ignore[import-not-found]

from alrun.cli.sweep_job import Answer, SweepJob, hydra_config
from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.report.objective import Objective
from alrun.store.lock import RunLock

optuna = pytest.importorskip("optuna")
FEW = (*SMALL, "training.max_epochs=1")
OPTUNA = ("-m", *FEW, "hydra/sweeper=optuna", "objective=auc:accuracy", "hydra/sweeper/sampler=random")
DROPOUT = "learner.dropout=interval(0.0,0.5)"
FILE = Path("outputs/default/optuna/study.db")


def study(folder: Path) -> Any:
    storage = f"sqlite:///{folder / FILE}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


def told(folder: Path) -> list[tuple[Any, ...]]:
    return [(trial.number, trial.params, trial.value, trial.state.name) for trial in study(folder).trials]


def records(run: Path, metric: str) -> pd.DataFrame:
    table = pd.read_parquet(run / "records.parquet")
    return table[(table["metric"] == metric) & (table["split"] == "test")].sort_values("labels")


def auc(run: Path, metric: str = "accuracy") -> float:
    curve = records(run, metric)
    x, y = curve["labels"].to_numpy(), curve["value"].to_numpy()
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum() / (x[-1] - x[0]))


def test_a_study_from_the_first_word_to_the_dashboard(alrun: Alrun, tmp_path: Path) -> None:
    """All spellings, half of them in a file; typed again it answers, with more trials it goes on."""
    experiment = tmp_path / "conf/experiment/tuned.yaml"
    experiment.parent.mkdir(parents=True)
    params = "{learner.dropout: 'interval(0.0,0.5)', learner.optimizer.lr: 'tag(log,interval(1e-4,0.1))'}"
    experiment.write_text(f"# @package _global_\nhydra: {{sweeper: {{params: {params}}}}}\n")
    words = ("--config-dir=conf", *OPTUNA, "experiment=tuned", "query=choice(entropy,margin)")
    words = (*words, "training.batch_size=int(interval(8,32))", "learner.hidden=[8],[4]")
    checked = alrun("validate", *words)
    assert (checked.code, checked.out.count("ok: ")) == (0, 1), checked
    assert not (tmp_path / "outputs").exists()
    made = alrun(*words, "hydra.sweeper.n_trials=2")
    assert made.code == 0, made
    assert "2 jobs: 2 finished (0 before" in made.out
    first, before = told(tmp_path), commits(tmp_path)
    again = alrun(*words, "hydra.sweeper.n_trials=2")
    assert again.code == 0
    assert "2 jobs: 2 finished (2 before" in again.out
    assert (told(tmp_path), commits(tmp_path)) == (first, before)
    assert alrun(*words, "hydra.sweeper.n_trials=3").code == 0
    assert told(tmp_path)[:2] == first
    assert len({json.dumps(params, sort_keys=True) for _, params, *_ in told(tmp_path)}) == 3
    assert len(runs(tmp_path)) == 3
    assert study(tmp_path).direction.name == "MAXIMIZE"
    assert sorted(value for *_, value, _ in told(tmp_path)) == pytest.approx(
        sorted(map(auc, runs(tmp_path))), abs=1e-12
    )
    for _, params, *_ in told(tmp_path):
        assert 0 <= params["learner.dropout"] <= 0.5
        assert 1e-4 <= params["learner.optimizer.lr"] <= 0.1
        assert isinstance(params["training.batch_size"], int)
    assert [trial["values"] for trial in dashboard(tmp_path)["best_trials"]] == [[study(tmp_path).best_value]]


def dashboard(folder: Path) -> dict[str, Any]:
    """Return what ``optuna-dashboard`` says of the first study."""
    app = pytest.importorskip("optuna_dashboard").wsgi(f"sqlite:///{folder / FILE}")
    said: list[str] = []
    request = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/studies/1",
        "wsgi.input": sys.stdin,
        "wsgi.errors": sys.stderr,
    }
    body = b"".join(app({**request, "QUERY_STRING": "after=0"}, lambda status, *_: said.append(status)))
    assert said == ["200 OK"]
    answer: dict[str, Any] = json.loads(body)
    return answer


def test_a_killed_study_goes_on_where_it_was(warm: Warm, tmp_path: Path) -> None:
    words = (*OPTUNA, "hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.n_startup_trials=2", DROPOUT)
    words = (*words, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    assert warm.run(tmp_path / "whole", *words).code == 0
    died = warm.run(tmp_path / "killed", *words, die_at="outputs/*/*/checkpoints/step_1")
    assert died.code == -9
    assert "RUNNING" in {state for *_, state in told(tmp_path / "killed")}
    assert warm.run(tmp_path / "killed", *words).code == 0
    assert told(tmp_path / "killed") == told(tmp_path / "whole")


PARTS = """
from pathlib import Path
from alrun import Prediction, ScoreQuery

class Fragile(ScoreQuery):
    def __init__(self, max_samples, level=0.0):
        super().__init__(max_samples)
        self.level = level

    def score(self, prediction: Prediction):
        if self.level > 1 and Path("broken").exists():
            raise ValueError("broken")
        return prediction.outputs.softmax(dim=-1).max(dim=-1).values
"""


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    (tmp_path / "study_parts.py").write_text(PARTS)
    option = tmp_path / "conf/query/fragile.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("fragile: {_target_: study_parts.Fragile, max_samples: '${query_size}', level: 0}\n")
    yield ("--config-dir=conf", "--trust", "study_parts")
    sys.modules.pop("study_parts", None)


def test_a_failed_trial_is_one_and_its_success_later_another(
    alrun: Alrun, tmp_path: Path, parts: Sequence[str]
) -> None:
    words = (*parts, *OPTUNA, "query=fragile", "query.fragile.level=0,2", "hydra.sweeper.n_trials=3")
    (tmp_path / "broken").touch()
    failed = alrun(*words)
    states = [state for *_, state in told(tmp_path)]
    assert failed.code == 1, failed
    assert sorted(set(states)) == ["COMPLETE", "FAIL"]
    assert "Traceback" not in failed.err
    (tmp_path / "broken").unlink()
    mended = alrun(*words)
    assert mended.code == 0, mended
    assert "3 jobs: 3 finished" in mended.out
    after = [state for *_, state in told(tmp_path)]
    assert after[:3] == states
    assert after[3:] == ["COMPLETE"] * states.count("FAIL")
    assert alrun(*words).code == 0
    assert len(told(tmp_path)) == len(after)


def test_too_many_failures_end_it_where_that_is_asked_for(alrun: Alrun, tmp_path: Path, parts: Sequence[str]) -> None:
    (tmp_path / "broken").touch()
    words = (*parts, *OPTUNA, "query=fragile", "query.fragile.level=2,3", "hydra.sweeper.max_failure_rate=0.5")
    ended = alrun(*words)
    assert ended.code == 1
    assert "1 of 1 trials have failed; the search ends" in ended.err
    assert len(told(tmp_path)) == 1


@pytest.mark.parametrize("sweeper", [(), (*OPTUNA[-3:], "hydra.sweeper.n_trials=2")], ids=["basic", "optuna"])
def test_what_a_pattern_brings_and_does_not_fit_is_skipped_and_said(
    alrun: Alrun, tmp_path: Path, sweeper: tuple[str, ...]
) -> None:
    words = ("-m", *FEW, *sweeper, "query=glob([ba*,margin],exclude=[batchbald,badge,bait,balsa])", "seed=0,1")
    checked, made = alrun("validate", *words), alrun(*words)
    assert (checked.code, made.code) == (0, 0), made
    for answer in (checked, made):
        assert answer.err.count("query=bald") == answer.err.count("is skipped: ") == (1 if sweeper else 2)
    assert "2 jobs: 2 finished" in made.out
    assert not [run for run in runs(tmp_path) if "-bald-" in run.name]


@pytest.mark.parametrize(
    "words",
    [
        ("query=glob(*bald)",),
        ("query=glob(e*)", "learner.dropout=2"),
        ("query=glob(nothing*)",),
        ("query=entropy,bald",),
    ],
)
def test_what_fits_nowhere_or_was_typed_is_refused(alrun: Alrun, tmp_path: Path, words: tuple[str, ...]) -> None:
    """By both sweepers: run by the one, checked for the other."""
    for command, sweeper in (((), ()), (("validate",), OPTUNA[-3:])):
        refused = alrun(*command, "-m", *FEW, *sweeper, *words)
        assert refused.code == 2, refused
        assert "error: " in refused.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing has several values"),
        (("learner.dropout=interval(0.0,2.0)",), "learner.dropout"),
        (("learner.hidden=interval(1,2)",), "learner.hidden"),
        (("learner.dropuot=interval(0.0,0.5)",), "learner.dropout?"),
        ((DROPOUT, "objective=auc:acuracy"), "objective=auc:accuracy?"),
        ((DROPOUT, "objective=mean:accuracy"), "objective=auc:accuracy"),
        ((DROPOUT, "hydra.sweeper.direction=up"), "hydra.sweeper.direction"),
        ((DROPOUT, "hydra.sweeper.n_trials=0"), "hydra.sweeper.n_trials=20"),
        ((DROPOUT, "hydra.sweeper.sampler._target_=os.system"), "hydra/sweeper/sampler=tpe"),
        ((DROPOUT, "hydra.sweeper.sampler._target_=optuna.samplers.CmaEsSampler"), "hydra/sweeper/sampler=tpe"),
        ((DROPOUT, "+hydra.sweeper.sampler.constraints_func=1"), "hydra.sweeper.sampler.constraints_func"),
        ((DROPOUT, "+hydra.sweeper.storage=sqlite:////tmp/x.db"), "hydra.sweeper.storage"),
    ],
)
def test_a_study_that_cannot_be_is_refused_before_anything_is_made(
    alrun: Alrun, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused = alrun(*OPTUNA, *words)
    assert refused.code == 2, refused
    assert said in refused.err
    assert "Traceback" not in refused.err
    assert not (tmp_path / "outputs").exists()


def test_a_study_is_one_process_at_a_time_and_is_read_as_data(alrun: Alrun, tmp_path: Path) -> None:
    words = (*OPTUNA, DROPOUT, "hydra.sweeper.n_trials=1")
    with RunLock((tmp_path / FILE).parent):
        assert alrun(*words).code == 75
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere.db")
    linked = alrun(*words)
    assert (linked.code, (tmp_path / "elsewhere.db").exists()) == (1, False), linked
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_text("no database" * 1000)
    damaged = alrun(*words)
    assert damaged.code == 1
    assert "cannot be used" in damaged.err
    assert "Traceback" not in damaged.err
    (tmp_path / FILE).unlink()
    assert alrun(*words, "hydra.sweeper.study_name=mine").code == 0
    other = alrun(*words, "hydra.sweeper.study_name=mine", "budget=20")
    assert other.code == 2
    assert "hydra.sweeper.study_name=null" in other.err
    assert alrun(*words, "budget=20", "hydra.sweeper.study_name=null").code == 0
    with sqlite3.connect(tmp_path / FILE) as file:
        assert len(file.execute("SELECT study_name FROM studies").fetchall()) == 2


def test_every_other_sweeper_gets_the_same_objective(
    alrun: Alrun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job returns its objective to whoever launched it; one that has none says so to who waits for it."""
    composer = Composer(Trust())

    def value(*words: str, answer: Answer = Answer.OBJECTIVE_OR_ERROR) -> float | None:
        given = [*FEW, *words]
        job = SweepJob(composer, Trust(), answer)
        return job(hydra_config(composer.compose(given).hydra, given))

    final = value("objective=accuracy")
    (run,) = runs(tmp_path)
    curve = records(run, "accuracy")["value"].to_numpy()
    assert final == value() == value("objective=final:accuracy") == curve[-1]
    assert value("objective=best:accuracy") == curve.max()
    assert value("objective=best:nll") == records(run, "nll")["value"].min()
    assert value("objective=auc:classification/accuracy") == pytest.approx(auc(run), abs=1e-12)
    assert value("objective=auc:nll") == pytest.approx(auc(run, "nll"), abs=1e-12)
    assert value(answer=Answer.ASKED) is None
    assert value("objective=accuracy", answer=Answer.ASKED) == final
    capsys.readouterr()
    assert value("objective=auc:acuracy", answer=Answer.OBJECTIVE) is None
    assert "'acuracy'" in capsys.readouterr().err
    assert len(runs(tmp_path)) == 1
    assert Objective.parse("auc:accuracy").of(run) == pytest.approx(auc(run), abs=1e-12)
    with pytest.raises(ConfigError, match="'acuracy'"):
        Objective.parse("auc:acuracy").of(run)


def test_less_is_better_where_the_metric_says_so(alrun: Alrun, tmp_path: Path) -> None:
    words = (*OPTUNA, DROPOUT, "hydra.sweeper.n_trials=1", "objective=nll")
    assert alrun(*words).code == 0
    assert study(tmp_path).direction.name == "MINIMIZE"
