"""What may be built, and where: of all that can be reached by name, a printed list of public classes."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from pathlib import Path
from types import FunctionType

import pytest
from walked import PLACES, import_all, targets, walked  # type: ignore[import-not-found]
from watched import Watch  # type: ignore[import-not-found]

from alrun.cli.ls import target_lines
from alrun.config.check import cheap_problems
from alrun.config.offers import find, lookup, name_problem, offered
from alrun.config.paths import conf_dir
from alrun.config.slots import SLOTS, Slot, slot_at
from alrun.config.targets import Trust
from alrun.core.errors import Problem

LIST = Path(__file__).with_name("targets.txt")
TARGET = re.compile(r"^ *_target_: (alrun\.\S+)", re.MULTILINE)
EVERY_NAME = bool(os.environ.get("ALRUN_ALL_TARGETS"))
BY_NAME = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
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
    "omegaconf.OmegaConf.save",
    "lightning.pytorch.Trainer",
    "lightning.pytorch.utilities.os.system",
    "lightning.pytorch.core.saving._load_from_checkpoint",
    "alrun.store.files.write_atomic",
    "alrun.cli.main.main",
    "alrun.config.targets.Trust",
    "alrun.runner.run.Experiment",
    "alrun.datax.Digits",
    "alrun.data.digits.Digits.__init__.__globals__",
    "torch.nn.Module.__init__.__builtins__",
    "alrun.data.__loader__.load_module",
    "torch.nn._reduction.warnings.warn",
    "torchmetrics._utils.load",
    "hostile_module.touch",
    ".os.system",
    "os..system",
    "",
    "os",
    "alrun",
    "alrun.data/../store.files",
    "alrun data.digits.Digits",
    "torch.nn.ReLU\n",
]
BY_LOOKUP = [
    "lightning.fabric.plugins.io.torch_io.pl_load",
    "torch.nn.modules.module.warnings.warn",
    "torch.nn.functional.importlib.import_module",
    "torch.nn.functional.relu",
    "torch.nn.Module",
    "torch.nn.Module.load_state_dict",
    "torch.nn.DataParallel",
    "torch.optim.optimizer.torch.load",
    "torch.optim.Optimizer",
    "torch.optim.lr_scheduler.warnings.warn",
    "torchmetrics.metric.torch.load",
    "torchmetrics.Metric",
    "torchmetrics.classification.accuracy.torch.load",
    "torchmetrics.utilities.imports.package_available",
    "torchmetrics.image.FrechetInceptionDistance",
    "torchmetrics.image.DeepImageStructureAndTextureSimilarity",
    "torchmetrics.text.ROUGEScore",
    "torchmetrics.text.BERTScore",
    "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree",
    "lightning.pytorch.callbacks.ModelCheckpoint",
    "lightning.pytorch.callbacks.OnExceptionCheckpoint",
    "lightning.pytorch.callbacks.LearningRateFinder",
    "lightning.pytorch.callbacks.BatchSizeFinder",
    "lightning.pytorch.callbacks.os.system",
    "lightning.pytorch.loggers.csv_logs.os.system",
    "lightning.pytorch.loggers.WandbLogger",
    "lightning.pytorch.loggers.MLFlowLogger",
    "lightning.pytorch.strategies.DeepSpeedStrategy",
    "lightning.pytorch.strategies.DDPStrategy",
    "lightning.pytorch.plugins.TorchCheckpointIO",
    "lightning.pytorch.profilers.XLAProfiler",
    "alrun.data.split.torch.hub.load",
    "alrun.data.arrays.Path.unlink",
    "alrun.data.files.read_file",
    "alrun.data.large.LargeRows",
    "alrun.data",
    "alrun.data.digits",
    "alrun.data.digits.ArraySource",
    "alrun.data.digits.Digits.task",
    "alrun.inference.members.weights.load",
    "alrun.training.trainer_progress.load_trainer",
    "alrun.callbacks.lightning_logger.find_spec",
]


@pytest.mark.parametrize("target", BY_NAME)
def test_a_name_that_no_place_takes_is_refused_before_import(target: str) -> None:
    before = set(sys.modules)
    for path in PLACES:
        problem = find(target, path, "here._target_", Trust())
        assert isinstance(problem, Problem)
        assert problem.where == "here._target_"
        assert repr(target) in problem.what
        assert problem.hint
    assert set(sys.modules) == before


@pytest.mark.parametrize("target", BY_LOOKUP)
def test_no_place_offers_what_only_lies_near_what_is_offered(target: str) -> None:
    assert not [path for path in PLACES if lookup(target, slot_at(path)) is not None]


@pytest.mark.parametrize("target", [3, None, True, ["os.system"], {"a": 1}])
def test_a_target_that_is_no_name(target: object) -> None:
    problem = name_problem(target, ("data",), "data._target_", Trust())
    assert problem is not None
    assert "is not the name of a class" in problem.what


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (("data",), "alrun.data.digits.Digits"),
        (("query", "entropy"), "alrun.query.entropy.Entropy"),
        (("label", "function"), "alrun.data.simulators.branin"),
        (("learner", "optimizer"), "torch.optim.Adam"),
        (("learner", "optimizer"), "torch.optim.adam.Adam"),
        (("training", "optimizer"), "torch.optim.SGD"),
        (("learner", "scheduler"), "torch.optim.lr_scheduler.CosineAnnealingLR"),
        (("learner", "losses", "ce", "loss"), "torch.nn.CrossEntropyLoss"),
        (("learner", "classifier"), "torch.nn.Linear"),
        (("learner", "body", "layers"), "torch.nn.modules.activation.ReLU"),
        (("metrology", "f1"), "torchmetrics.classification.MulticlassF1Score"),
        (("metrology", "f1"), "torchmetrics.F1Score"),
        (("metrology", "all"), "torchmetrics.MetricCollection"),
        (("metrology", "all", "metrics"), "torchmetrics.regression.MeanSquaredError"),
        (("training", "loop", "callbacks"), "lightning.pytorch.callbacks.EarlyStopping"),
        (("logger", "csv", "logger"), "lightning.pytorch.loggers.CSVLogger"),
    ],
)
def test_what_alrun_wraps_stands_where_it_belongs(path: tuple[str, ...], target: str) -> None:
    assert callable(find(target, path, "", Trust()))


@pytest.mark.parametrize(
    ("path", "where", "target", "said"),
    [
        (("learner", "activation"), "learner.activation", "torch.nn.ReLu", "did you mean torch.nn.ReLU?"),
        (
            ("learner", "optimizer"),
            "learner.optimizer",
            "torch.nn.ReLU",
            "learner.optimizer takes an optimizer: torch.op",
        ),
        (("callbacks", "x"), "callbacks.x", "lightning.pytorch.callbacks.Timer", "belongs in training.loop.callbacks"),
        (
            ("logger", "w", "logger"),
            "logger.w.logger",
            "lightning.pytorch.loggers.WandbLogger",
            "--trust lightning.pytorch.loggers.WandbLogger",
        ),
        (("metrology", "m"), "metrology.m", "torchmetrics.text.BLEUScore", "--trust torchmetrics.text.BLEUScore"),
    ],
)
def test_a_refusal_says_what_the_place_takes(path: tuple[str, ...], where: str, target: str, said: str) -> None:
    problem = find(target, path, f"{where}._target_", Trust())
    assert isinstance(problem, Problem)
    assert "is not trusted" in problem.what
    assert said in problem.hint


# What everything is measured by: the list beside this file.


def test_the_list_of_all_that_can_be_built_has_not_grown() -> None:
    """After a change that is meant, ``alrun ls --targets`` writes it. What an option is built from is meant."""
    listed = LIST.read_text(encoding="utf-8").splitlines()
    found = [match for path in conf_dir().glob("*/*.yaml") for match in TARGET.findall(path.read_text())]
    assert [line for line in target_lines() if line in listed or line.strip() not in found] == listed


def test_there_is_a_place_of_every_slot() -> None:
    assert {slot_at(path).place for path in PLACES} == {slot.place for slot in SLOTS}


@pytest.mark.parametrize("slot", SLOTS, ids=lambda slot: slot.place)
def test_what_is_offered_is_a_public_class_where_the_library_has_it(slot: Slot) -> None:
    for name, value in offered(slot).items():
        module, _, attribute = name.rpartition(".")
        assert not any(part.startswith("_") for part in name.split("."))
        assert getattr(importlib.import_module(module), attribute) is value
        if module.startswith("alrun."):
            assert value.__module__ == module
            assert isinstance(value, FunctionType) == bool(slot.functions)
            assert attribute in importlib.import_module(module).__all__
        else:
            assert isinstance(value, type)
            assert not inspect.isabstract(value)
            assert any(issubclass(value, base_of(family.base)) for family in slot.families)


def base_of(name: str) -> type:
    module, _, attribute = name.partition(":")
    found: type = getattr(importlib.import_module(module), attribute)
    return found


def test_of_all_that_can_be_reached_only_what_is_listed_is_taken(watch: Watch) -> None:
    """Going through the libraries by script: a sample of names at every place, or all with ``ALRUN_ALL_TARGETS=1``."""
    if EVERY_NAME:
        import_all()
    listed = {id(value) for slot in SLOTS for value in offered(slot).values()}
    reached, names = walked(), targets(None if EVERY_NAME else 400)
    assert len(names) >= 300
    before = set(sys.modules)
    watch.armed = True
    taken = {name for name in names for slot in SLOTS if lookup(name, slot) is not None}
    watch.armed = False
    assert taken == {name for name in taken if id(reached[name]) in listed}
    assert 0 < len(taken) < len(names) / 5
    assert watch.nothing, (watch.ran, watch.written, watch.read)
    assert set(sys.modules) == before


# Trust


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the user's own on the path, which says when it is imported."""
    folder = tmp_path / "own_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("import os\nfrom os import system\n\nclass Mine: ...\n")
    (folder / "deep.py").write_text("import subprocess\n\nclass Mine: ...\n\nclass Other: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_package", "own_package.deep"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def found(target: str, *packages: str) -> object:
    return find(target, ("learner", "x"), "learner.x._target_", Trust(packages))


def test_trust_is_given_by_name(package: Path) -> None:
    refused = found("own_package.deep.Mine")
    assert isinstance(refused, Problem)
    assert refused.hint.endswith("--trust own_package")
    assert "own_package" not in sys.modules
    for trusted in ("own_package", "own_package.deep", "own_package.deep.Mine"):
        assert getattr(found("own_package.deep.Mine", trusted), "__name__", "") == "Mine"
    assert isinstance(found("own_package.Mine", "own_package.deep"), Problem)
    assert isinstance(found("own_package.deep.Other", "own_package.deep.Mine"), Problem)


@pytest.mark.parametrize(
    "target", ["own_package.system", "own_package.os.system", "own_package.deep.subprocess.Popen", "own_package.os"]
)
def test_trust_in_a_package_is_none_in_what_it_imports(package: Path, target: str) -> None:
    assert isinstance(found(target, "own_package"), Problem)


@pytest.mark.parametrize("whole", ["os", "torch", "lightning", "builtins", "alrun", "hydra", "lightning.pytorch"])
def test_what_can_do_anything_is_not_trusted_as_a_whole(whole: str) -> None:
    trust = Trust([whole])
    assert not any(
        trust.names(name)
        for name in ("os.system", "torch.load", "lightning.pytorch.Trainer", "builtins.eval", "hydra.utils.call")
    )


def test_a_class_of_a_library_can_be_trusted_by_its_name() -> None:
    name = "lightning.pytorch.loggers.WandbLogger"
    path = ("logger", "w", "logger")
    assert isinstance(find(name, path, "", Trust()), Problem)
    assert getattr(find(name, path, "", Trust([name])), "__name__", "") == "WandbLogger"
    assert isinstance(find("lightning.pytorch.loggers.MLFlowLogger", path, "", Trust([name])), Problem)


def test_a_plugin_is_trusted(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alrun.config.targets._plugins", lambda: ("own_package.deep",))
    assert getattr(found("own_package.deep.Mine"), "__name__", "") == "Mine"
    assert isinstance(found("own_package.Mine"), Problem)


def test_a_plugin_that_is_installed_meanwhile_is_trusted(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    assert isinstance(found("own_package.deep.Mine"), Problem)
    installed = site / "mine-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[alrun.plugins]\nmine = own_package.deep\n")
    assert getattr(found("own_package.deep.Mine"), "__name__", "") == "Mine"


def test_trust_is_not_prefix_of_a_word(package: Path) -> None:
    assert not Trust(["own"]).names("own_package.Mine")


def test_one_refusal_keeps_everything_from_import(package: Path) -> None:
    config = {"data": {"_target_": "own_package.Mine"}, "learner": {"layers": [{"_target_": "os.system"}]}}
    problems = [problem for problem in cheap_problems(config, Trust(["own_package"])) if "_target_" in problem.where]
    assert [problem.where for problem in problems] == ["learner.layers[0]._target_"]
    assert "own_package" not in sys.modules


def test_a_broken_package_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    problem = found("broken_package.Mine", "broken_package")
    assert isinstance(problem, Problem)
    assert "no_such_module_at_all" in problem.what
