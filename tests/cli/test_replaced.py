"""A ``_target_`` on the command line: what the option says for the class before does not stand in its way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import Alrun, runs  # type: ignore[import-not-found]

OWN = """
import torch
from alrun.query.random import Random
from alrun.training.fabric import FabricLoop


class Net(torch.nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, inputs):
        return self.layer(inputs)

    def training_step(self, batch):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Loop(FabricLoop):
    def __init__(self, patience: int | None = None) -> None:
        super().__init__(patience=patience)


class Mine(Random):
    pass
"""


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["learner._target_=own_parts.Net"], 1),
        (["learner._target_=own_parts.Net", "+learner.width=8"], 1),
        (["-m", "learner._target_=own_parts.Net", "+learner.width=8,9"], 2),
        (["-m", "learner._target_=own_parts.Net,alrun.learner.linear.Linear"], 2),
        (["training.loop._target_=own_parts.Loop"], 1),
        (["training.loop={_target_: own_parts.Loop, patience: 3}"], 1),
        (["query=random", "query.random._target_=own_parts.Mine"], 1),
    ],
    ids=str,
)
def test_one_of_your_own_in_place_of_another(
    alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], lines: int
) -> None:
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    answer = alrun("--trust=own_parts", "validate", "data=moons", *words)
    assert answer.code == 0, answer
    assert answer.out.count("ok: ") == lines


def test_what_is_typed_for_it_is_not_dropped(alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    answer = alrun("--trust=own_parts", "validate", "learner._target_=own_parts.Net", "learner.hidden=[8]")
    assert answer.code == 2
    assert "1 problem\n  unknown key 'learner.hidden'\n    → one of: width" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["learner._target_=own_parts.Net"],
        ["learner={_target_: alrun.learner.linear.Linear}"],
        ["query.entropy._target_=own_parts.Mine"],
        ["query.entropy={_target_: own_parts.Mine}"],
    ],
    ids=str,
)
def test_a_rerun_with_another_class(
    words: list[str], alrun: Alrun, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(small_run, tmp_path / "out/default" / small_run.name)
    answer = alrun("rerun", f"out/default/{small_run.name}", "--trust=own_parts", *words)
    assert answer.code == 0, answer
    assert "30 labels are on record and are not bought again" in answer.err
    assert len(runs(tmp_path)) == 2
