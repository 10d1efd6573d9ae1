"""A sweep is the same sweep however Hydra was told of it, and says how far it came however it ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command_line import SMALL, Alrun, Warm, commits, runs, tree  # type: ignore[import-not-found]

from alrun.store.sweep_jobs import noted_jobs

PARAMS = "# @package _global_\nhydra: {{{mode}sweeper: {{params: {{seed: {seeds}}}}}}}\n"
FILES = {
    "listed": PARAMS.format(mode="", seeds="'0,1'"),
    "ranged": PARAMS.format(mode="", seeds="'range(0,2)'"),
    "whole": PARAMS.format(mode="mode: MULTIRUN, ", seeds="'0,1'"),
    "mode": "# @package _global_\nhydra: {mode: MULTIRUN}\n",
}
#: The same two jobs, spelt in all ways that Hydra has.
SPELLINGS = (
    ("-m", "seed=0,1"),
    ("-m", "seed=range(0,2)"),
    ("-m", "seed=choice(0,1)"),
    ("hydra.mode=MULTIRUN", "seed=0,1"),
    ("experiment=mode", "seed=0,1"),
    ("-m", "experiment=listed"),
    ("-m", "experiment=ranged"),
    ("experiment=whole",),
    ("hydra.mode=MULTIRUN", "experiment=listed"),
    ("-m", "+hydra.sweeper.params={seed: '0,1'}"),
    ("-m", "+hydra.sweeper.params.seed='0,1'"),
)


@pytest.fixture
def conf(tmp_path: Path) -> str:
    folder = tmp_path / "conf/experiment"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text)
    return f"--config-dir={folder.parent}"


def test_every_spelling_is_the_same_sweep(alrun: Alrun, tmp_path: Path, conf: str) -> None:
    words = (conf, *SMALL, "budget=10", "training.max_epochs=1")
    made = alrun(*words, *SPELLINGS[0])
    assert made.code == 0, made
    assert "2 jobs: 2 finished (0 before" in made.out
    expected = "".join(f"ok: {run.relative_to(tmp_path)}\n" for run in runs(tmp_path))
    before = commits(tmp_path)
    for spelling in SPELLINGS:
        again = alrun(*words, *spelling)
        assert again.code == 0, again
        assert "2 jobs: 2 finished (2 before" in again.out, spelling
    for spelling in SPELLINGS[::3]:  # one of each kind: words, Hydra's mode, an experiment, parameters of the sweeper
        checked = alrun("validate", *words, *spelling)
        assert (checked.code, checked.out) == (0, expected), spelling
    assert commits(tmp_path) == before
    assert noted_jobs(tmp_path / "outputs/default") == {run.name for run in runs(tmp_path)}


def test_one_run_of_an_experiment_for_sweeps_says_so_and_the_hint_leads_to_the_sweep(
    alrun: Alrun, tmp_path: Path, conf: str
) -> None:
    single = alrun(conf, *SMALL, "budget=10", "experiment=listed")
    assert single.code == 0
    assert len(runs(tmp_path)) == 1
    assert "note: hydra.sweeper.params apply only to a sweep: alrun -m " in single.err


@pytest.mark.parametrize("word", ["seed=0,1", "learner.dropout=interval(0,0.5)"])
def test_several_values_are_no_sweep_unless_it_is_asked_for(alrun: Alrun, word: str) -> None:
    assert alrun(*SMALL, word).code == alrun("validate", *SMALL, word).code == 2


JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


@pytest.mark.parametrize(
    ("words", "sent", "family", "told"),
    [
        ((), (signal.SIGINT,), True, "3 jobs: 1 interrupted, 2 missing"),
        ((), (signal.SIGTERM, signal.SIGTERM), False, "3 jobs: 1 interrupted, 2 missing"),
        (JOBLIB, (signal.SIGINT,), False, "3 jobs: 2 interrupted, 1 missing"),
    ],
    ids=["as a terminal does it", "two signals", "joblib"],
)
def test_an_interrupted_sweep_says_how_far_it_came(
    warm: Warm, tmp_path: Path, words: tuple[str, ...], sent: tuple[signal.Signals, ...], family: bool, told: str
) -> None:
    sweep = warm.start(tmp_path, "-m", *SMALL, "seed=0,1,2", "budget=2000", "query_size=1", *words)
    begun = 2 if words else 1
    sweep.wait_for(lambda: sum(path.name == "step_2" for path in tree(tmp_path)) >= begun)
    for number in sent:
        sweep.send(number, family=family)
    said = sweep.wait()
    assert f"{told}; type the same command again\n" in said.out, said
    assert said.code == 128 + sent[0]
    assert "Traceback" not in said.err
