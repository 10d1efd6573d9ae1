"""Objects of libraries that write do so below the run directory; the others touch no file at all."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from watched import Command, Watch  # type: ignore[import-not-found]

from alrun.config.bound import Node, bind
from alrun.config.locations import location_problems
from alrun.config.offers import offered
from alrun.config.slots import SLOTS
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.runner.instantiate import instantiate

LOGGER = "lightning.pytorch.loggers.CSVLogger"
LEARNING_RATE = "training.loop.callbacks=[{_target_: lightning.pytorch.callbacks.LearningRateMonitor}]"
PROFILER = "lightning.pytorch.profilers.AdvancedProfiler"
#: Calls that read, write, fetch, import or run.
TOUCHES = re.compile(
    r"^(exec|eval|open|compile|__import__)$|^(os(?!\.path|\.getenv)|shutil|subprocess|pickle|yaml|requests|urllib|socket)\.|"
    r"^torch\.(load|save|hub)|_load$|_save$|makedirs|mkdirs|mkdir|\.open$|\.rm$|rmtree|unlink|urlopen|urlretrieve|"
    r"import_module|filesystem|fsspec|SummaryWriter|dump_stats|download|write_text|write_bytes|to_csv|savefig"
)
#: Parameters whose names say path, URL, or something to call or import.
TELLING = re.compile(r"path|dir$|dir_|file|url|root|hub|cache|load|save|model_name|module_name|_fn$|fn_|func|^fn|hook")
#: What was found, and why none of it reads, fetches, runs or writes elsewhere.
EXPLAINED = {
    # Text is no callable, and a nested _target_ there is only what --trust names.
    **dict.fromkeys(("avg_fn", "batch_size_fn", "distance_function", "lambda_func", "length_fn", "scale_fn"), "called"),
    **dict.fromkeys(("on_load_checkpoint", "on_save_checkpoint"), "called"),
    "adjust_lr_fn": "one of two words",
    "cache_size": "megabytes of memory",
    "decision_function_shape": "one of two words",
    "fit_path": "a boolean",
    "line_search_fn": "one word",
    "pruning_fn": "a name in a table of torch's pruning functions; or called",
    "profiler_kwargs": "for torch.profiler.profile; its texts are checked like every text of what writes",
    "record_module_names": "a boolean",
    "dirpath": "set to a folder of the run directory",
    "filename": "a name in dirpath; checked like every text of what writes",
    "save_dir": "set to a folder of the run directory",
    "sub_dir": "a part of a path; checked like every text of what writes",
}
#: Classes whose code touches files.
WRITERS = {
    "lightning.pytorch.loggers.CSVLogger",
    "lightning.pytorch.loggers.TensorBoardLogger",
    "lightning.pytorch.profilers.AdvancedProfiler",
    "lightning.pytorch.profilers.PyTorchProfiler",
    "lightning.pytorch.profilers.SimpleProfiler",
    "lightning.pytorch.profilers.PassThroughProfiler",
}


def library_classes() -> dict[str, type]:
    found = {name: value for slot in SLOTS for name, value in offered(slot).items()}
    return {name: value for name, value in found.items() if not name.startswith("alrun.")}


def located() -> set[str]:
    return {name for slot in SLOTS for family in slot.families if family.location for name in family.official()}


def test_every_argument_that_could_be_a_path_or_a_function_is_explained() -> None:
    telling: dict[str, set[str]] = {}
    for name, kind in library_classes().items():
        try:
            parameters = inspect.signature(kind).parameters
        except (ValueError, TypeError):
            continue
        for parameter in parameters:
            if TELLING.search(parameter):
                telling.setdefault(parameter, set()).add(name)
    assert set(telling) == set(EXPLAINED), telling


def test_only_what_is_confined_touches_files() -> None:
    touching: dict[str, set[str]] = {}
    for name, kind in library_classes().items():
        calls = {call for module in modules_of(kind) for call in calls_in(module)}
        found = {call for call in calls if TOUCHES.search(call)}
        if found:
            touching[name] = found
    assert {name: calls for name, calls in touching.items() if name not in WRITERS} == {}
    assert located() == WRITERS


def modules_of(kind: type) -> set[str]:
    """Return the modules of a class and of its bases in libraries, but for the roots of all."""
    roots = ("Module", "Metric", "Optimizer", "Callback", "Logger", "Strategy", "LRScheduler", "CheckpointHooks")
    own = [base for base in kind.__mro__ if base.__module__.split(".")[0] in ("torch", "torchmetrics", "lightning")]
    return {base.__module__ for base in own if base.__name__ not in roots}


@cache
def calls_in(module: str) -> frozenset[str]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return frozenset(ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


OUTSIDE = ["/tmp/x", "../x", "a/../../x", "~/x", "$HOME/x", "file:///tmp/x", "memory::x", "s3://b/x", "..", "a\\..\\x"]  # noqa: S108 - it is refused


@pytest.mark.parametrize("text", OUTSIDE)
@pytest.mark.parametrize(
    ("place", "name", "argument"),
    [
        *(("logger", LOGGER, argument) for argument in ("save_dir", "name", "version")),
        *(("profiler", PROFILER, argument) for argument in ("dirpath", "filename", "whatever")),
    ],
)
def test_no_text_of_what_writes_leads_out(place: str, name: str, argument: str, text: str) -> None:
    for value in (text, [text], {"deep": [text]}):
        (problem,) = location_problems(node_of(place, name, **{argument: value}))
        assert repr(text) in problem.what
        assert argument in problem.where


@pytest.mark.parametrize("text", ["logs", "a/b", "v1.0", "…", "a..b"])
def test_names_and_relative_paths_are_taken(text: str) -> None:
    assert list(location_problems(node_of("logger", LOGGER, save_dir=text, name=text))) == []


def node_of(place: str, name: str, /, **arguments: Any) -> Node:
    inner = {"_target_": name, **arguments}
    loop = {"logger": inner} if place == "logger" else {"trainer_kwargs": {"profiler": inner}}
    tree, problems = bind({"training": {"loop": {"_target_": "alrun.training.trainer.TrainerLoop", **loop}}}, Trust())
    assert problems == []
    found = tree["training"]["loop"].node
    node = found["logger"] if place == "logger" else found["trainer_kwargs"]["profiler"]
    assert isinstance(node, Node)
    return node


def test_they_write_below_the_run_directory(tmp_path: Path) -> None:
    assert Path(instantiate(node_of("logger", LOGGER), tmp_path).log_dir).is_relative_to(tmp_path)
    named = instantiate(node_of("logger", LOGGER, save_dir="logs"), tmp_path)
    assert Path(named.log_dir).is_relative_to(tmp_path / "callbacks" / "training.loop.logger" / "logs")
    assert Path(instantiate(node_of("profiler", PROFILER), tmp_path).dirpath).is_relative_to(tmp_path)


def test_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    node = node_of("logger", LOGGER, save_dir="logs")
    own = run / "callbacks" / "training.loop.logger"
    for link in (run / "callbacks", own, own / "logs", own / "logs" / "lightning_logs"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside)
        with pytest.raises(ConfigError, match="is a link"):
            instantiate(node, run)
        link.unlink()
    instantiate(node, run)


def test_a_run_with_a_logger_and_a_profiler_writes_nothing_elsewhere(alrun: Command, watch: Watch) -> None:
    logger = "{_target_: lightning.pytorch.loggers.CSVLogger, save_dir: logs}"
    profiler = "{_target_: lightning.pytorch.profilers.AdvancedProfiler, filename: times, dump_stats: true}"
    words = ("data=moons", "data.n_samples=60", "learner=linear", "training=trainer", "training.max_epochs=1")
    sizes = ("initial_size=5", "query_size=5", "budget=10", "progress=false", "output_dir=out")
    extras = (
        LEARNING_RATE,
        "+training.loop.trainer_kwargs.log_every_n_steps=1",
        f"training.loop.logger={logger}",
        f"+training.loop.trainer_kwargs.profiler={profiler}",
    )
    answer = alrun(*words, *sizes, *extras)
    assert answer.code == 0, answer.err
    (run,) = (path.parent for path in (watch.home / "out").rglob("run.json"))
    assert list((run / "callbacks" / "training.loop.logger" / "logs").rglob("metrics.csv"))
    assert list((run / "callbacks" / "training.loop.trainer_kwargs.profiler").glob("*times*"))
    assert [path.name for path in watch.home.iterdir()] == ["out"]
    assert not watch.written, watch.written


@pytest.mark.parametrize(
    "word",
    [
        "training.loop.logger=true",
        "+training.loop.trainer_kwargs.default_root_dir=/tmp",
        "training.loop.logger={_target_: lightning.pytorch.loggers.CSVLogger, save_dir: /tmp}",
    ],
)
def test_lightning_chooses_no_place_of_its_own(word: str, alrun: Command, watch: Watch) -> None:
    answer = alrun("data=moons", "training=trainer", word)
    assert answer.code == 2, answer
    assert word.lstrip("+").split("=")[0].split(".default")[0] in answer.err
    assert watch.nothing
