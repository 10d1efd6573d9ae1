"""Bad input through the real command line: what is wrong, what to type, exit code 2, and nothing left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from command_line import Alrun, Answer, Warm, contents  # type: ignore[import-not-found]

SYSTEM = "_target_: os.system"

#: What is typed, and what the answer must contain: the key or file, and the nearest valid name or what to type.
CASES: dict[str, tuple[list[str], list[str]]] = {
    # Names that do not exist
    "unknown key": (["bugdet=5"], ["bugdet", "budget?"]),
    "unknown key, +": (["+bugdet=5"], ["bugdet", "budget?"]),
    "unknown key, ++": (["++bugdet=5"], ["bugdet", "budget?"]),
    "unknown key in a strategy, +": (
        ["+query.entropy.expectd=1"],
        ["query.entropy.expectd", "query.entropy.expected?"],
    ),
    "unknown key in a strategy": (["query.entropy.max_sample=1"], ["max_sample", "query.entropy.max_samples?"]),
    "unknown key in a learner": (["learner.hiden=[3]"], ["learner.hiden", "learner.hidden?"]),
    "unknown key in training, +": (["+training.max_epoch=1"], ["training.max_epoch", "training.max_epochs?"]),
    "unknown key in the loop": (["+training.loop.patienc=1"], ["training.loop.patienc", "training.loop.patience?"]),
    "unknown strategy in a group": (["+stopping.bogus=1"], ["stopping.bogus", "alrun ls stopping"]),
    "unknown key in an optimizer": (["+learner.optimizer.learning_rate=1"], ["learner.optimizer.learning_rate"]),
    "unknown Trainer keyword": (
        ["training=trainer", "+training.loop.trainer_kwargs.profilr=x"],
        ["training.loop.trainer_kwargs.profilr", "profiler"],
    ),
    "deleted key": (["~learner.hiden"], ["learner.hiden", "learner.hidden?"]),
    "unknown key of Hydra": (["hydra.bogus=1"], ["hydra.bogus"]),
    "option": (["query=entrpy"], ["query", "entrpy", "query=entropy?"]),
    "option among several": (["query=[entropy,margn]"], ["margn", "query=margin?"]),
    "option twice": (["query=[entropy,entropy]"], ["query", "more than once"]),
    "empty option": (["query="], ["query", "entropy"]),
    "null option": (["learner=null"], ["learner=null", "mlp"]),
    "group": (["lerner=mlp"], ["lerner", "learner?"]),
    "nested group": (["query/sub=entropy"], ["query/sub"]),
    "class": (["data._target_=alrun.data.digits.Digitz"], ["data._target_", "alrun.data.digits.Digits?"]),
    "module": (["data._target_=alrun.data.digits"], ["is a module", "did you mean alrun.data.digits.Digits?"]),
    "optimizer": (["learner.optimizer._target_=torch.optim.Adm"], ["learner.optimizer", "torch.optim.Adam?"]),
    "simulator": (["data=function", "data.simulator=branni"], ["data.simulator", "branin"]),
    "activation": (["learner.activation=rellu"], ["learner.activation", "relu"]),
    "command": (["stats"], ["stats", "status?"]),
    "command, a word": (["entropy"], ["'entropy'", "key=value"]),
    "group of ls": (["ls", "quary"], ["quary", "query?"]),
    # Types and bounds
    "type: budget": (["budget=abc"], ["budget", "'abc'", "budget=200"]),
    "type: seed": (["seed=1.5"], ["seed", "1.5", "whole number"]),
    "type: seed null": (["seed=null"], ["seed", "whole number"]),
    "type: progress": (["progress=7"], ["progress", "true or false"]),
    "type: dropout": (["learner.dropout=high"], ["learner.dropout", "'high'", "learner.dropout=0.1"]),
    "type: hidden": (["learner.hidden=3"], ["learner.hidden", "learner.hidden=[64,64]"]),
    "type: lr": (["learner.optimizer.lr=abc"], ["learner.optimizer.lr", "'abc'", "0.001"]),
    "type: epochs": (["training.max_epochs=1.5"], ["training.max_epochs", "1.5"]),
    "type: optimizer": (["learner.optimizer=adam"], ["learner.optimizer", "torch.optim.Adam"]),
    "type: train_step_fn": (["training.train_step_fn=mine"], ["training.train_step_fn", "_target_"]),
    "type: shrink": (["training.shrink=abc"], ["training.shrink", "'abc'"]),
    "type: strategy": (["query.entropy=3"], ["query.entropy", "alrun ls query"]),
    "type: callback": (["training=trainer", "training.loop.callbacks=[3]"], ["training.loop.callbacks[0]"]),
    "bound: budget": (["budget=-5"], ["budget", "-5", "at least 1"]),
    "bound: query_size": (["query_size=0"], ["query_size", "at least 1"]),
    "bound: dropout": (["learner.dropout=-0.1"], ["learner.dropout", "learner.dropout=0.1"]),
    "bound: batch size": (["training.batch_size=0"], ["training.batch_size", "at least 1"]),
    "bound: checkpoints": (["training.checkpoint_every=-1"], ["training.checkpoint_every", "at least 0"]),
    "bound: lr": (["learner.optimizer.lr=-1"], ["learner.optimizer", "-1"]),
    "bound: passes": (["inference=mc_dropout", "inference.num_passes=0"], ["inference.num_passes"]),
    "bound: patience": (["training.loop.patience=0"], ["training.loop.patience"]),
    "bound: threads": (["threads=0"], ["threads", "at least 1"]),
    "reset": (["training.reset=scracth"], ["training.reset", "training.reset=scratch?"]),
    "precision": (["training.loop.precision=bf16-mix"], ["training.loop.precision=bf16-mixed"]),
    "accelerator": (["training.loop.accelerator=cdua"], ["training.loop.accelerator=cuda"]),
    "devices": (["training.loop.devices=2"], ["training.loop.devices=1"]),
    "device": (["device=gpu"], ["device", "'gpu'", "cuda"]),
    "device that is not there": (["device=cuda:99"], ["device", "cuda:99", "device=auto"]),
    "two lengths": (["training.max_train_steps=10"], ["max_epochs", "max_train_steps", "training.max_epochs=null"]),
    "no length": (["training.max_epochs=null"], ["max_epochs", "training.max_epochs=50"]),
    # Values that do not go together
    "budget below the cold start": (["budget=10", "initial_size=20"], ["budget", "budget=20"]),
    "query larger than the pool": (["query_size=5000", "budget=9000"], ["query_size", "at most query_size=1"]),
    "cold start larger than the pool": (["initial_size=5000", "budget=9000"], ["at most initial_size=1"]),
    "BALD, deterministic": (["query=bald"], ["query.bald", "inference=mc_dropout"]),
    "entropy on a regression": (["data=diabetes", "query=entropy"], ["query.entropy", "query=variance"]),
    "variance on a classification": (["query=variance"], ["query.variance", "query=entropy"]),
    "metrology: regression": (["metrology=regression"], ["metrology.regression", "metrology=classification"]),
    "metrology: classification": (["data=diabetes", "metrology=classification"], ["metrology=regression"]),
    "dropout, none": (["inference=mc_dropout", "learner=linear"], ["dropout", "learner=mlp"]),
    "dropout of 0": (["inference=mc_dropout", "learner.dropout=0"], ["learner.dropout", "learner.dropout=0.1"]),
    "cnn on flat inputs": (["learner=cnn"], ["learner", "data.image=true"]),
    "monitor of a criterion": (
        ["stopping=target_metric", "stopping.target_metric.monitor=acuracy"],
        ["stopping", "'acuracy'", "accuracy?"],
    ),
    "monitor of the loop": (["training.loop.monitor=val_los"], ["training.loop.monitor", "val_loss"]),
    "early stopping on nothing": (
        ["training.loop.monitor=val_loss", "training.loop.patience=3", "data.validation_size=0"],
        ["training.loop.monitor", "data.validation_size=0.1"],
    ),
    "label function without a function": (["label=function"], ["label.function._target_"]),
    "interpolation": (["seed=${sed}"], ["seed", "sed"]),
    "environment": (["seed=${oc.env:ALRUN_NO_SUCH_VARIABLE}"], ["seed", "ALRUN_NO_SUCH_VARIABLE"]),
    # Data
    "file": (["data=table", "data.path=dta.csv", "data.target=y"], ["data.path", "dta.csv", "did you mean data.csv"]),
    "file is a folder": (["data=table", "data.path=.", "data.target=y"], ["data.path", "folder"]),
    "no path": (["data=table"], ["data.path"]),
    "column": (["data=table", "data.path=data.csv", "data.target=z"], ["data.target", "'z'", "a, b, y"]),
    "feature column": (["data=table", "data.path=data.csv", "data.target=y", "data.numeric=[zz]"], ["'zz'", "a, b"]),
    "NaN target": (["data=table", "data.path=nan.csv", "data.target=y"], ["nan.csv", "'y'", "row 7"]),
    "one class": (["data=table", "data.path=one.csv", "data.target=y"], ["one class"]),
    "array file": (["data=arrays", "data.path=nope.npz"], ["data.path", "nope.npz"]),
    "no target": (["data=table", "data.path=data.csv", "data.target=[]"], ["data.target", "a, b, y"]),
    "target is a number": (["data=table", "data.path=data.csv", "data.target=5"], ["data.target", "'5'", "a, b, y"]),
    # What is something else
    "kind: learner": (
        ["learner._target_=alrun.query.entropy.Entropy"],
        ["learner._target_", "learner takes a learner: alrun.learner.mlp.MLP"],
    ),
    "kind: query": (
        ["query.entropy._target_=alrun.label.oracle.Oracle"],
        ["query.entropy._target_", "takes a query strategy"],
    ),
    "kind: criterion": (["stopping.budget._target_=alrun.data.digits.Digits"], ["stopping.budget._target_"]),
    "kind: inference": (["inference._target_=alrun.data.digits.Digits"], ["inference._target_", "inference module"]),
    "kind: callback": (
        ["+callbacks.x._target_=lightning.pytorch.callbacks.Timer"],
        ["callbacks.x._target_", "belongs in training.loop.callbacks"],
    ),
    "no inference": (["~inference"], ["'inference'", "alrun ls inference"]),
    # What may not be built
    "untrusted": (["data._target_=my_pkg.Data"], ["data._target_", "my_pkg.Data", "--trust my_pkg"]),
    "untrusted, os": (["learner._target_=os.system"], ["learner._target_", "os.system"]),
    "untrusted, builtin": (["learner._target_=builtins.eval"], ["learner._target_", "builtins.eval"]),
    "untrusted, no name": (["learner._target_=3"], ["learner._target_"]),
    "untrusted, root": (["+_target_=os.system"], ["_target_", "os.system"]),
    "untrusted, list": (["+learner.x=[{" + SYSTEM + "}]"], ["learner.x[0]._target_", "os.system"]),
    "untrusted, optimizer": (["learner.optimizer._target_=os.system"], ["learner.optimizer._target_"]),
    "untrusted, label": (["label=function", "label.function._target_=os.system"], ["label.function._target_"]),
    "untrusted, callbacks": (["+callbacks.x={" + SYSTEM + "}"], ["callbacks.x._target_"]),
    "untrusted, step": (["training.train_step_fn={" + SYSTEM + "}"], ["training.train_step_fn"]),
    "re-export: torch": (["learner._target_=torch.os.system"], ["learner._target_", "torch.os.system"]),
    "re-export: numpy": (["data._target_=alrun.data.split.np.load"], ["data._target_"]),
    "re-export: warnings": (["data._target_=torch.nn.modules.module.warnings.warn"], ["data._target_"]),
    "globals": (["data._target_=alrun.data.digits.Digits.__init__.__globals__"], ["data._target_"]),
    "the store": (["data._target_=alrun.store.files.write_atomic"], ["data._target_"]),
    "hydra: callback": (["+hydra.callbacks.x={" + SYSTEM + "}"], ["hydra.callbacks.x._target_"]),
    "hydra: launcher": (["-m", "hydra.launcher._target_=os.system", "seed=0,1"], ["hydra.launcher._target_"]),
    "hydra: sweeper": (["-m", "hydra.sweeper._target_=os.system", "seed=0,1"], ["hydra.sweeper._target_"]),
    "hydra: handler": (["+hydra.job_logging.handlers.x={class: os.system}"], ["hydra.job_logging.handlers.x.class"]),
    "hydra: stream": (["+hydra.job_logging.handlers.x={stream: 'ext://os.sep'}"], ["handlers.x.stream"]),
    "hydra: searchpath": (["hydra.searchpath=[pkg://os]"], ["hydra.searchpath", "--config-dir"]),
    "hydra: chdir": (["-m", "hydra.job.chdir=true", "seed=0,1"], ["hydra.job.chdir"]),
    "hydra: launcher option": (["-m", "hydra/launcher=joblb", "seed=0,1"], ["hydra/launcher", "joblib?"]),
    # Places
    "option outside": (["query=../secret"], ["query", "../secret"]),
    "option outside, quoted": (["query='../../etc/passwd'"], ["query", "../../etc/passwd"]),
    "option, absolute": (["query=/etc/passwd"], ["query", "/etc/passwd"]),
    "option, NUL": (['query="entropy\0"'], ["query", "entropy"]),
    "group outside": (["../data=digits"], ["../data=digits"]),
    "experiment outside": (["+experiment=../config"], ["experiment", "../config"]),
    "name outside": (["name=../x"], ["name", "../x"]),
    "name with a slash": (["name=a/b"], ["name", "a/b"]),
    "name, empty": (["name=''"], ["name", "letters"]),
    "name, hidden": (["name=.x"], ["name", ".x"]),
    "name, NUL": (['name="a\0"'], ["name", "letters"]),
    "output_dir is a file": (["output_dir=data.csv"], ["output_dir", "data.csv"]),
    "output_dir is a file, sweep": (["-m", "output_dir=data.csv", "seed=0,1"], ["output_dir", "data.csv"]),
    "output_dir, empty": (["output_dir="], ["output_dir=outputs"]),
    "output_dir, NUL": (['output_dir="a\0"'], ["output_dir=outputs"]),
    "no config folder": (["--config-dir", "nowhere"], ["--config-dir", "nowhere"]),
    "config folder is a file": (["--config-dir", "data.csv"], ["--config-dir", "data.csv"]),
    # The line itself
    "syntax: list": (["budget=[1"], ["'budget=[1'", "key=value"]),
    "syntax: mapping": (["learner={"], ["'learner={'", "key=value"]),
    "syntax: no key": (["=5"], ["'=5'", "key=value"]),
    "several values, single": (["seed=0,1"], ["seed=0,1", "alrun -m seed=0,1"]),
    "several options, single": (["query=entropy,margin"], ["alrun -m query=entropy,margin"]),
    "sweep: value": (["-m", "budget=100,-5"], ["budget", "-5"]),
    "sweep: option": (["-m", "query=entropy,entrpy"], ["entrpy", "query=entropy?"]),
    "sweep: pair": (["-m", "query=entropy,bald"], ["query.bald", "inference=mc_dropout"]),
    "sweep: learner": (["-m", "learner=mlp,cnn"], ["learner", "data.image=true"]),
    "sweep: file": (
        ["-m", "data=table", "data.path=data.csv,dta.csv", "data.target=y"],
        ["dta.csv", "did you mean data.csv"],
    ),
    "sweep: interval": (["-m", "seed=interval(0,3)"], ["seed=interval(0,3)", "range(0,3)"]),
    "sweep: glob": (["-m", "seed=glob(*)"], ["seed=glob(*)"]),
    "flag": (["--mutlirun", "seed=0,1"], ["--mutlirun", "--multirun?"]),
    "flag: value": (["--cfg", "jub"], ["--cfg", "'jub'", "job"]),
    "flag: config path": (["--config-path", "."], ["--config-path", "--config-dir"]),
    "flag: config name": (["--config-name", "x"], ["--config-name", "--config-dir"]),
    "flag: rerun": (["--experimental-rerun", "x.pickle"], ["--experimental-rerun"]),
    "show: unknown key": (["--cfg", "job", "bugdet=5"], ["bugdet", "budget?"]),
    "show: sweep": (["-m", "--cfg", "job"], ["--cfg", "--multirun"]),
    "show: interpolation": (["--cfg", "job", "--resolve", "seed=${nope}"], ["seed", "nope"]),
    "completion": (["-sc"], ["alrun -sc install=bash"]),
    "show: hostile": (["--info", "all", "+hydra.callbacks.x={" + SYSTEM + "}"], ["hydra.callbacks.x"]),
    "trust: nothing": (["--trust"], ["--trust my_pkg"]),
    "trust: nonsense": (["--trust", "os;rm -rf"], ["--trust my_pkg"]),
    "trust: a flag": (["--trust", "-m", "seed=0"], ["--trust my_pkg"]),
    "trust: missing module": (["--trust", "no_pkg", "data._target_=no_pkg.Data"], ["data._target_", "no_pkg"]),
    "trust is not for all": (["--trust", "my_pkg", "data._target_=os.system"], ["data._target_", "os.system"]),
    "validate": (["validate", "query=entrpy"], ["entrpy", "query=entropy?"]),
    "validate: sweep": (["validate", "-m", "seed=0,x"], ["seed", "'x'"]),
    "validate: flag": (["validate", "--mutlirun"], ["--mutlirun"]),
    "resume: nothing": (["resume"], ["alrun resume DIR"]),
    "resume: no run": (["resume", "nowhere"], ["nowhere", "alrun status"]),
    "resume: a file": (["resume", "data.csv"], ["data.csv", "alrun status"]),
    "status: no folder": (["status", "nowhere"], ["nowhere"]),
    "report: no folder": (["report", "nowhere"], ["nowhere"]),
    "report: flag": (["report", "--metrc", "x"], ["--metrc"]),
    "ls: flag": (["ls", "--bogus"], ["--bogus", "alrun ls --help"]),
}


@pytest.fixture
def files(tmp_path: Path) -> set[str]:
    """Tables in the working directory; what lies there before the command."""
    rows = [f"{i % 7},{i % 5},{i % 2}" for i in range(60)]
    hole = [*rows[:7], "1,2,", *rows[8:]]
    for name, lines in {"data": rows, "nan": hole, "one": [row[:-1] + "1" for row in rows]}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    before: set[str] = contents(tmp_path)
    return before


def assert_refused(answer: Answer, needles: list[str]) -> None:
    """Hold the manners of a refusal: exit code 2, nothing on stdout, every needle in the message, no traceback."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert "Traceback" not in answer.err
    missing = [needle for needle in needles if needle not in answer.err]
    assert not missing, f"{missing} not in:\n{answer.err}"


@pytest.mark.parametrize("case", CASES)
def test_is_refused(case: str, alrun: Alrun, files: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[object] = []
    monkeypatch.setattr(os, "system", ran.append)
    words, needles = CASES[case]
    assert_refused(alrun(*words), needles)
    assert contents(tmp_path) == files
    assert ran == []


def test_says_everything_at_once(alrun: Alrun, tmp_path: Path) -> None:
    answer = alrun(
        *("bugdet=5", "query=entrpy", "learner.hiden=3", "seed=-1", "training.reset=cold", "learner.dropout=high"),
        *("metrology=regression", "budget=", "training.batch_size=0", "x=[1"),
    )
    parts = ["budget?", "query=entropy?", "learner.hidden?", "seed: -1", "training.reset", "'high'", "'x=[1'"]
    assert_refused(answer, [*parts, "metrology=classification", "training.batch_size", "10 problems"])
    assert contents(tmp_path) == set()


def test_a_consequence_is_no_second_problem(alrun: Alrun) -> None:
    assert_refused(alrun("budget=abc"), ["1 problem\n"])


def test_all_jobs_of_a_sweep_are_checked_first(alrun: Alrun, tmp_path: Path) -> None:
    answer = alrun("-m", "query=entropy,margin", "budget=100,-1,-2", "learner.dropout=0.1,2")
    assert_refused(answer, ["-1 is too small", "-2 is too small", "2 is not a probability"][:2])
    answer = alrun("-m", "query=entropy,bald", "learner.dropout=0.1,2")
    assert_refused(answer, ["query.bald", "learner.dropout: 2 is not"])
    assert contents(tmp_path) == set()


@pytest.mark.parametrize("parent", ["outputs", "outputs/default"])
def test_a_file_in_the_way(parent: str, alrun: Alrun, tmp_path: Path) -> None:
    place = tmp_path / parent
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine")
    before = contents(tmp_path)
    assert_refused(alrun(), ["output_dir", parent])
    assert contents(tmp_path) == before
    assert place.read_text() == "mine"


def test_a_config_folder_cannot_replace_the_config(alrun: Alrun, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.yaml").write_text("hydra:\n  searchpath: [pkg://os]\n")
    assert_refused(alrun("--config-dir", "own"), ["config.yaml", "experiment"])


def test_a_hostile_config_folder_builds_nothing(alrun: Alrun, tmp_path: Path) -> None:
    (tmp_path / "own/query").mkdir(parents=True)
    trap = tmp_path / "trap.py"
    trap.write_text("from pathlib import Path\nPath('sprung').touch()\n\ndef go(): ...\n")
    (tmp_path / "own/query/mine.yaml").write_text("mine:\n  _target_: trap.go\n")
    before = contents(tmp_path)
    assert_refused(alrun("--config-dir", "own", "query=mine"), ["query.mine._target_", "trap.go", "--trust trap"])
    assert contents(tmp_path) == before
    assert "trap" not in sys.modules


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mine: {a: [\n", ["mine.yaml, line 2"]),
        ("- a\n- b\n", ["mine.yaml: is not a mapping"]),
        ("3\n", ["mine"]),
        ("mine: {_target_: alrun.query.random.Random, max_sampels: 3}\n", ["query.mine.max_samples?"]),
        ("mine: {_target_: alrun.query.rndom.Random}\n", ["query.mine._target_"]),
        ("mine: {_target_: '???'}\n", ["query.mine._target_"]),
    ],
)
def test_a_wrong_config_file(text: str, parts: list[str], alrun: Alrun, tmp_path: Path) -> None:
    (tmp_path / "own/query").mkdir(parents=True)
    (tmp_path / "own/query/mine.yaml").write_text(text)
    assert_refused(alrun("--config-dir", "own", "query=mine"), parts)


@pytest.mark.parametrize("case", ["unknown key, +", "untrusted, os", "flag", "resume: no run"])
def test_is_refused_in_a_process(case: str, warm: Warm, files: set[str], tmp_path: Path) -> None:
    words, needles = CASES[case]
    assert_refused(warm.run(tmp_path, *words), needles)
    assert contents(tmp_path) == files


CUSTOM_LEARNERS = """
from torch import nn


class Stateless:
    def parameters(self):
        return []


class ByKeyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, **inputs):
        return self.layer(inputs["x"])
"""


@pytest.mark.parametrize(
    ("learner", "parts"),
    [
        ("Stateless", ["learner._target_", "state_dict", "alrun ls learner"]),
        ("ByKeyword", ["learner", "ByKeyword.forward()", "write inference_step(self, inputs)"]),
    ],
)
def test_a_custom_learner_that_cannot_be_used(
    learner: str, parts: list[str], alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "custom_learners.py").write_text(CUSTOM_LEARNERS)
    (tmp_path / "own/learner").mkdir(parents=True)
    (tmp_path / "own/learner/mine.yaml").write_text(f"_target_: custom_learners.{learner}\n")
    sgd = "training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}"
    words = ["--config-dir", "own", "--trust", "custom_learners", "data=moons", "learner=mine", sgd]
    assert_refused(alrun(*words), parts)
