"""The README is short, and what it tells to type is accepted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Alrun, Answer, runs  # type: ignore[import-not-found]

from alrun.cli.ls import read_options
from alrun.config.compose import Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TYPED = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
RUNS = [
    words[1:]
    for words in (shlex.split(line.split("&&")[-1], comments=True) for line in TYPED if "…" not in line)
    if words[0] == "alrun" and "=" in words[1]
]


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 150


def test_installation_and_tests_are_one_line_each() -> None:
    (install,) = [line for line in TYPED if line.startswith("pip install")]
    (test,) = [line for line in TYPED if line.startswith("pytest") and "--pyargs" not in line]
    assert install.endswith("&& alrun query=entropy learner=mlp")
    assert "-c constraints.txt" in install
    assert test.split()[0] == "pytest"


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_what_it_says_to_run_composes(words: list[str]) -> None:
    assert "seed" in resolved(Composer(Trust()).compose(words).config)


def cheap(words: list[str]) -> list[str]:
    """Return ``words`` with two seeds at most, short trainings, a cold start and a query or two."""
    said = {word.partition("=")[0] for word in words}
    first = next((int(word.partition("=")[2]) for word in words if word.startswith("query_size=")), 20)
    short = {"training.max_epochs": "1", "budget": str(20 + first), "progress": "false"}
    kept = [word for word in words if word.partition("=")[0] not in ("budget", "training.max_epochs")]
    kept = ["seed=0,1" if word.startswith("seed=0,1,") else word for word in kept]
    limited = {"debug", "training.loop"} & said
    return [*kept, *(f"{key}={value}" for key, value in short.items() if not (limited and key != "progress"))]


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_what_it_says_to_run_runs(words: list[str], alrun: Alrun, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in rng.normal(size=(120, 2))]
    (tmp_path / "my.csv").write_text("\n".join(["a,b,label", *rows]))
    answer = alrun(*cheap(words))
    assert answer.code == 0, answer
    assert "finished: " in answer.out


def commands(text: str) -> Iterator[list[str]]:
    """Yield the commands in the sentences of the README, without those that it leaves to be filled in."""
    for spoken in re.findall(r"`alrun ([^`…]+)`", text):
        yield shlex.split(spoken)


def test_the_commands_in_its_sentences_do_what_they_are_said_to(alrun: Alrun, tmp_path: Path) -> None:
    small = ("data=moons", "data.n_samples=500", "learner.hidden=[8]", "training.max_epochs=1", "progress=false")
    sized = ("initial_size=10", "query_size=190", "budget=200", "name=paired")
    assert alrun(*small, *sized).code == 0
    (run,) = runs(tmp_path)
    typed = [[str(run) if word == "DIR" else word for word in words] for words in commands(TEXT)]
    assert {words[0] for words in typed} >= {"ls", "resume", "rerun", "status", "verify", "new", "--cfg"}
    for words in typed:
        short = [*cheap(words), "hydra.sweeper.n_trials=2"] if "hydra/sweeper=optuna" in words else words
        answer: Answer = alrun(*short)
        assert answer.code == 0, (words, answer)
    assert '"labels": 400' in (run / "run.json").read_text()


def test_the_sweep_that_it_shows_is_reported_as_it_shows(alrun: Alrun) -> None:
    (line,) = re.findall(r"^\$ alrun (-m .*) && alrun (.*)$", TEXT, flags=re.MULTILINE)
    sweep, report = map(shlex.split, line)
    assert alrun(*cheap(sweep)).code == 0
    told = alrun(*report)
    assert told.code == 0
    for word in ("random", "margin", "AUC", "vs random"):
        assert word in told.out


CUSTOM = """
import torch
from torch.utils.data import Dataset

from alrun.training.fabric import FabricLoop


class Points(Dataset):
    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(200, 2, generator=generator)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], int(self.inputs[index].sum() > 0)


class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Linear(2, 2))


def train_step(model, batch):
    inputs, targets = batch
    return torch.nn.functional.cross_entropy(model(inputs), targets)


class Loop(FabricLoop):
    pass
"""


def test_custom_code_is_brought_as_it_says(alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = TEXT.partition("## Bring custom code")[2].partition("\n## ")[0].replace("\n", " ")
    typed = [word for text in re.findall(r"`([^`]*_target_[^`]*)`", section) for word in shlex.split(text)]
    classes = {"data.dataset": "my_pkg.Points", "+metrology.f1": "torchmetrics.F1Score", "training.loop": "my_pkg.Loop"}
    words = [word.removesuffix("=…") for word in typed]
    for key, name in classes.items():
        words = [f"{word}={name}" if word == f"{key}._target_" else word for word in words]
    assert sum("=" in word for word in words) == len(words) == 6, words
    (tmp_path / "my_pkg.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    further = (
        "learner._target_=my_pkg.Net",
        "+metrology.f1.task=multiclass",
        "+metrology.f1.num_classes=2",
        "data.num_outputs=2",
    )
    answer = alrun("--trust", "my_pkg", *cheap([*words, *further]), "budget=40")
    assert answer.code == 0, answer
    assert "f1" in answer.out


def test_it_names_every_experiment() -> None:
    names = {option.name for option in read_options([conf_dir()])["experiment"]}
    (listed,) = re.findall(r"ready-made: (.*)", TEXT)
    assert set(listed.split(", ")) == names
    assert len(RUNS) >= 6
