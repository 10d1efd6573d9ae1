"""What may be built: by name before import, by the object after it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alrun.config.signatures import target_problems
from alrun.config.targets import Trust, iterate_targets, load_target
from alrun.core.errors import Problem

BY_NAME = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.__import__",
    "importlib.import_module",
    "runpy.run_path",
    "shutil.rmtree",
    "pathlib.Path.unlink",
    "pickle.loads",
    "joblib.load",
    "numpy.load",
    "pandas.read_pickle",
    "torch.load",
    "torch.hub.load",
    "torch.os.system",
    "torch.utils.cpp_extension.load_inline",
    "torch.nnx.Module",
    "torchmetricsx.Metric",
    "hydra.utils.call",
    "hydra.utils.get_method",
    "omegaconf.OmegaConf.save",
    "lightning.pytorch.Trainer",
    "lightning.pytorch.utilities.os.system",
    "alrun.store.files.write_atomic",
    "alrun.cli.main.main",
    "alrun.config.targets.Trust",
    "alrun.runner.run.Experiment",
    "alrun.driver.driver.Driver",
    "alrun.datax.Digits",
    "alrun",
    "alrun.data.digits.Digits.__init__.__globals__",
    "torch.nn.Module.__init__.__builtins__",
    "alrun.data.__loader__.load_module",
    "hostile_module.touch",
    ".os.system",
    "os..system",
    "",
    "os",
    "alrun.data/../store.files",
    "alrun data.digits.Digits",
]

BY_OBJECT = [
    "torch.nn.modules.module.warnings.warn",
    "torch.nn.functional.importlib.import_module",
    "torch.nn.parallel.distributed.os.system",
    "torch.optim.optimizer.torch.load",
    "torch.optim.lr_scheduler.warnings.warn",
    "torchmetrics.metric.torch.load",
    "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree",
    "lightning.pytorch.loggers.csv_logs.os.system",
    "alrun.data.split.torch.hub.load",
    "alrun.data.arrays.Path.unlink",
    "alrun.data",
    "alrun.data.digits",
    "torch.nn",
    "alrun.data.digits.Digits.task",
]


@pytest.mark.parametrize("target", BY_NAME)
def test_a_foreign_name_is_refused_before_import(target: str) -> None:
    before = set(sys.modules)
    problem = load_target(target, "data._target_", Trust())
    assert isinstance(problem, Problem)
    assert problem.where == "data._target_"
    assert repr(target) in problem.what
    assert set(sys.modules) == before


@pytest.mark.parametrize("target", BY_OBJECT)
def test_a_foreign_object_is_refused_whatever_name_leads_to_it(target: str) -> None:
    assert Trust().allows_name(target)
    assert isinstance(load_target(target, "data._target_", Trust()), Problem)


@pytest.mark.parametrize("target", [3, None, True, ["os.system"], {"a": 1}])
def test_a_target_that_is_no_name(target: object) -> None:
    problem = load_target(target, "data._target_", Trust())  # type: ignore[arg-type]
    assert isinstance(problem, Problem)
    assert "is not the name of a class" in problem.what


@pytest.mark.parametrize(
    "target",
    [
        "alrun.data.digits.Digits",
        "alrun.query.entropy.Entropy",
        "alrun.data.simulators.branin",
        "torch.optim.Adam",
        "torch.optim.lr_scheduler.CosineAnnealingLR",
        "torch.nn.CrossEntropyLoss",
        "lightning.pytorch.callbacks.EarlyStopping",
        "lightning.pytorch.loggers.CSVLogger",
    ],
)
def test_what_alrun_wraps_is_allowed(target: str) -> None:
    assert callable(load_target(target, "", Trust()))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the user's own on the path, which says when it is imported."""
    folder = tmp_path / "own_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("from os import system\n\nclass Mine: ...\n")
    (folder / "deep.py").write_text("import subprocess\n\nclass Mine: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_package", "own_package.deep"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_trust_is_given_by_name(package: Path) -> None:
    refused = load_target("own_package.deep.Mine", "", Trust())
    assert isinstance(refused, Problem)
    assert refused.hint.endswith("--trust own_package")
    assert "own_package" not in sys.modules
    assert load_target("own_package.deep.Mine", "", Trust(["own_package"])).__name__ == "Mine"
    assert load_target("own_package.deep.Mine", "", Trust(["own_package.deep"])).__name__ == "Mine"
    assert isinstance(load_target("own_package.Mine", "", Trust(["own_package.deep"])), Problem)


@pytest.mark.parametrize("target", ["own_package.system", "own_package.deep.subprocess.Popen"])
def test_trust_in_a_package_is_none_in_what_it_imports(package: Path, target: str) -> None:
    assert isinstance(load_target(target, "", Trust(["own_package"])), Problem)


def test_trust_is_not_prefix_of_a_word(package: Path) -> None:
    assert not Trust(["own"]).allows_name("own_package.Mine")


def test_one_refusal_keeps_everything_from_import(package: Path) -> None:
    config = {
        "data": {"_target_": "own_package.Mine"},
        "learner": {"layers": [{"_target_": "os.system", "command": "touch x"}]},
    }
    problems = list(target_problems(config, Trust(["own_package"])))
    assert [problem.where for problem in problems] == ["learner.layers[0]._target_"]
    assert "own_package" not in sys.modules


def test_targets_are_found_however_deep() -> None:
    config = {"_target_": "a", "x": [{"y": {"_target_": "b"}}, ({"_target_": "c"},)], "z": {"_target_": None}}
    assert [where for where, _ in iterate_targets(config)] == ["", "x[0].y", "x[1][0]", "z"]


def test_a_broken_package_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    problem = load_target("broken_package.Mine", "data._target_", Trust(["broken_package"]))
    assert isinstance(problem, Problem)
    assert "no_such_module_at_all" in problem.what
