"""Experiments from Python: what the command line would do, byte for byte, and nothing of the caller's is touched."""

from __future__ import annotations

import base64
import random
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Alrun, Warm, info, only_run, results  # type: ignore[import-not-found]

import alrun as package
from alrun.core.errors import LockedError
from alrun.core.phases import ActiveLearningPhase

STEPS = (0, 10), (1, 20), (2, 30), (3, 30)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_the_run_of_the_command_line(alrun: Alrun, small_run: Path) -> None:
    config = package.compose(SMALL)
    assert config["budget"] == 30
    assert config.directory.name == small_run.name
    assert "query_size: 10\n" in str(config)
    run = package.run(config)
    assert run.path == config.directory
    assert results(run.path) == results(small_run)
    assert run.status == "finished"
    again = alrun(*SMALL)
    assert (again.code, "already finished" in again.out) == (0, True)
    longer = package.run(*SMALL, "budget=40")
    assert (longer.path, len(longer.labels)) == (run.path, 40)
    assert len(run.resume("budget=50").labels) == 50


def test_a_config_is_read_and_not_changed() -> None:
    config = package.compose(SMALL)
    config["learner"]["hidden"].append(9)
    assert config["learner"]["hidden"] == [8]
    assert list(config) == list(dict(config))
    assert package.compose([*SMALL, "seed=1"]).identity != config.identity


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: package.compose("query=badge"), "a list of words"),
        (lambda: package.run("quer=badge"), "did you mean query"),
        (lambda: package.run("budget=0", "query_size=0"), "query_size"),
        (lambda: package.run("seed=1,2"), "several values"),
        (lambda: package.run(package.compose(SMALL), "seed=1"), "as it is, alone"),
        (lambda: package.run("query=random", "query.random._target_=__main__.Nonesuch"), "__main__"),
        (lambda: package.run("query=random", "query.random._target_=__main__.sys.exit"), "__main__"),
        (lambda: package.Run("nowhere"), "no run here"),
    ],
)
def test_what_is_wrong_is_one_of_alruns_errors(call: Any, told: str, home: Path) -> None:
    with pytest.raises(package.ConfigError, match=told):
        call()
    assert not list(home.iterdir())


def test_steps_by_hand_are_the_run(home: Path, small_run: Path) -> None:
    with package.steps(*SMALL) as steps:
        first = next(steps)
        assert (first.step, first.labels, first.phase) == (0, 10, ActiveLearningPhase.DATA_INTEGRATION)
        assert steps.driver is not None
        assert len(steps.driver.query_train(3)) == 3
        assert steps.run.status == "running"
        random.seed(3)
        with pytest.raises(LockedError):
            package.run(*SMALL)
    assert steps.run.status == "interrupted"
    assert "to be continued" in steps.run.description.reason
    phases = package.steps(*SMALL, phases=True)
    assert [next(phases).phase for _ in range(3)] == list(ActiveLearningPhase)[:3]
    phases.close()
    rest = list(package.steps(*SMALL))
    assert [(one.step, one.labels) for one in rest] == [*STEPS[1:]]
    assert rest[-1].reason == "the budget of 30 labels is spent"
    assert "accuracy" in rest[-1].metrics
    assert results(only_run(home)) == results(small_run)
    finished = package.steps(*SMALL)
    assert finished.driver is None
    assert list(finished) == []


def test_an_error_ends_the_steps_and_leaves_the_run_to_be_resumed(
    home: Path, monkeypatch: pytest.MonkeyPatch, small_run: Path
) -> None:
    from alrun.query.entropy import Entropy

    def broken(self: Any, prediction: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(Entropy, "score", broken)
        with pytest.raises(package.StrategyError, match="query of step 1: entropy: ZeroDivisionError"):
            list(package.steps(*SMALL))
        with pytest.raises(package.StrategyError, match="ZeroDivisionError"):
            package.run(*SMALL)
    assert package.Run(only_run(home)).status == "failed"
    assert results(package.run(*SMALL).path) == results(small_run)


def test_generators_and_hydra_of_the_caller_stay(home: Path) -> None:
    import hydra
    import numpy as np
    import torch
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase
    from omegaconf import OmegaConf

    def drawn() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), float(torch.rand(1))  # noqa: S311, NPY002

    plain = package.compose(SMALL)
    ConfigStore.instance().store("settings", {"budget": 7})
    OmegaConf.register_new_resolver("alrun.env", lambda name: "theirs", replace=True)
    with hydra.initialize(config_path=None, version_base="1.2"):
        theirs, base = GlobalHydra.instance().hydra, VersionBase.instance().getbase()
        random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
        expected = drawn()
        random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
        assert package.compose(SMALL).identity == plain.identity
        package.run(*SMALL, "budget=10")
        assert drawn() == expected
        assert GlobalHydra.instance().hydra is theirs
        assert VersionBase.instance().getbase() == base
        assert OmegaConf.create({"x": "${alrun.env:A}"}).x == "theirs"
        assert ConfigStore.instance().load("settings.yaml").node == {"budget": 7}
    ConfigStore.instance().repo.pop("settings.yaml")


INTERRUPTED = """
import os, signal, sys
import alrun

class Mine(alrun.ScoreQuery):
    def score(self, prediction):
        if not os.path.exists("once") and self.driver.active_learning_step_idx == 2:
            open("once", "w").close()
            os.kill(os.getpid(), signal.SIGINT)
        return prediction.outputs[..., 0]

before = signal.getsignal(signal.SIGINT)
words = [*sys.argv[1:], "query=[]", "+query.mine={_target_: __main__.Mine, max_samples: 10}"]
try:
    alrun.run(*words)
except alrun.Interrupted as error:
    print(type(error).__name__, error, *error.__notes__)
assert signal.getsignal(signal.SIGINT) == before
run = alrun.run(*words)
print(run)
print(type(run.learner()).__name__, run.picks.strategy.unique().tolist())
"""


def test_ctrl_c_commits_and_the_same_call_goes_on_with_a_class_of_the_program(warm: Warm, tmp_path: Path) -> None:
    answer = warm.run(tmp_path, *SMALL, code=INTERRUPTED)
    assert answer.code == 0, answer
    first, second, third = answer.out.splitlines()
    assert first == "Interrupted interrupted by signal 2 the same call goes on from the last commit"
    assert "finished, 30 of 30 labels, accuracy" in second
    assert third == "MLP ['random', 'mine']"
    run = only_run(tmp_path)
    assert info(run)["choices"]["query"] == "mine"
    elsewhere = warm.run(tmp_path, "resume", str(run), "budget=40")
    assert elsewhere.code == 2
    assert "start the notebook or program that" in elsewhere.err
    assert type(package.Run(run).learner()).__name__ == "MLP", "what is not built need not be there"


SECOND = """
import os, signal, sys
import alrun

class Deaf(alrun.ScoreQuery):
    def score(self, prediction):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise SystemExit("not reached")

try:
    alrun.run(*sys.argv[1:], "query=[]", "+query.deaf={_target_: __main__.Deaf, max_samples: 10}")
except alrun.Interrupted:
    print("still here")
"""


def test_a_second_ctrl_c_ends_the_call_and_not_the_program(warm: Warm, tmp_path: Path) -> None:
    answer = warm.run(tmp_path, *SMALL, code=SECOND)
    assert (answer.code, answer.out) == (0, "still here\n"), answer


PLANTED = """
import sys
from pathlib import Path
import alrun
from os import system

class Mine:
    def __init__(self, **given):
        Path("sprung").touch()

def function(**given):
    Path("sprung").touch()

for words in (["experiment=planted"], ["query=random", "query.random._target_=__main__.system"],
              ["query=random", "query.random._target_=__main__.Path"]):
    try:
        alrun.run(*sys.argv[1:], *words, config_dir="conf")
    except alrun.ConfigError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["Mine", "function"])
def test_a_folder_of_configs_cannot_name_what_the_program_defines(name: str, warm: Warm, tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "planted.yaml").write_text(f"# @package _global_\nlabel:\n  _target_: __main__.{name}\n")
    answer = warm.run(tmp_path, *SMALL, code=PLANTED)
    assert answer.code == 0, answer
    assert answer.out.count("is not trusted") == 3, answer.out
    assert not (tmp_path / "sprung").exists()


def test_a_notebook_shows_curve_and_metrics_and_runs_nothing(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = package.Run(shutil.copytree(small_run, tmp_path / "<img src=x onerror=alert(1)>"))
    shown = run._repr_html_()
    assert "&lt;img src=x" in shown
    assert "<img src=x" not in shown
    (drawn,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    assert b"entropy" in base64.b64decode(drawn)
    assert "<td>accuracy</td>" in shown
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    table = run._repr_html_()
    assert "base64" not in table
    assert [float(one) for one in re.findall(r"<tr><td>(\d+)</td>", table)] == run.curve()["labels"].tolist()
    with pytest.raises(package.ConfigError, match="vl-convert"):
        run.plot().svg()


def test_weights_of_a_step_and_of_the_newest_that_hold(small_run: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    run = package.Run(shutil.copytree(small_run, tmp_path / "run"))
    files = {step: run.path / f"checkpoints/step_{step}/training/weights.safetensors" for step in (1, 2, 3)}
    for step, path in files.items():
        state = run.learner(step).state_dict()
        assert all(torch.equal(state[name], value) for name, value in load_file(path).items())
    assert not run.learner().training
    files[3].write_bytes(b"damaged")
    newest = run.learner().state_dict()
    assert all(torch.equal(newest[name], value) for name, value in load_file(files[2]).items())
    with pytest.raises(package.StoreError, match="is not what was committed"):
        run.learner(3)
    with pytest.raises(package.StoreError, match="steps that have weights: 1, 2, 3"):
        run.learner(0)
    text = (run.path / "config.yaml").read_text()
    (run.path / "config.yaml").write_text(text.replace("alrun.learner.mlp.MLP", "subprocess.Popen"))
    with pytest.raises(package.ConfigError, match="not trusted"):
        run.learner()
