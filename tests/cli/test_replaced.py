"""A ``_target_`` on the command line: what the option says for the class before does not stand in its way."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Alrun  # type: ignore[import-not-found]

OWN = """
import torch
from alrun.query.random import Random
from alrun.training.fabric import FabricLoop


class Net(torch.nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()


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
