"""Each file of ``scripts/examples`` does what it shows: its command is typed, its class examined."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from command_line import Warm, only_run  # type: ignore[import-not-found]

from alrun.core.types import Task, TaskSpec
from alrun.query.margin import Margin
from alrun.testing import LabelConformance, LearnerConformance
from alrun.testing.host import source

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"
SHORT = ("budget=60", "progress=false")


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in (path.stem for path in EXAMPLES.glob("*.py")):
        sys.modules.pop(name, None)


def example(name: str) -> ModuleType:
    return import_module(name)


def command(name: str) -> list[str]:
    """Return the words after ``alrun`` of the command in the docstring of an example."""
    (line,) = [line for line in (example(name).__doc__ or "").splitlines() if "alrun --" in line]
    return shlex.split(line.split("&& alrun ")[1])


def test_every_example_is_looked_at() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"experiment", "learner", "annotator", "source"}


@pytest.mark.parametrize("name", ["learner", "annotator", "source"])
def test_the_command_of_an_example_runs(name: str, warm: Warm, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    answer = warm.run(folder, *command(name), *SHORT)
    assert answer.code == 0, answer
    run = only_run(folder)
    records = pd.read_parquet(run / "records.parquet").query("metric == 'accuracy'")
    assert records.value.max() > 0.5
    if name == "annotator":
        acquired = pd.read_parquet(run / "acquisitions.parquet")
        assert acquired.cost.min() == 2
        assert acquired.cost.max() > 2
        assert acquired.seconds.equals(acquired.cost * 12), "annotation time"


def test_an_experiment_from_python_runs_and_goes_on(tmp_path: Path) -> None:
    accuracies = example("experiment").accuracies
    first = accuracies(Margin(20), tmp_path / "run", budget=40)
    assert len(first) == 2
    longer = accuracies(Margin(20), tmp_path / "run", budget=60)
    assert longer[:2] == first
    assert len(longer) == 3
    assert longer[-1] > 0.6


class TestTheLearner(LearnerConformance):
    def learner(self, spec: TaskSpec) -> Any:
        return example("learner").RandomFeatures(spec)


class TestTheAnnotator(LabelConformance):
    def strategy(self) -> Any:
        return example("annotator").Agreement(source(Task.CLASSIFICATION).spec, batch_size=7)
