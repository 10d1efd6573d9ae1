"""Custom learners that cannot predict, be trained or be saved: refused by ``validate`` and by a run, before a label."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Alrun, contents  # type: ignore[import-not-found]

MODULE = """
import torch
from lightning import LightningModule
from torch import nn


class Sound(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, inputs):
        return self.layer(inputs)

    def training_step(self, batch):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Silent(nn.Module):
    training_step, configure_optimizers, state_dict = Sound.training_step, Sound.configure_optimizers, lambda self: {}


class Logged(LightningModule):
    training_step, configure_optimizers = Sound.training_step, Sound.configure_optimizers


class Unconfigured(LightningModule):
    training_step = Sound.training_step

    def forward(self, inputs):
        return inputs


class Late(Sound):
    def __init__(self):
        super().__init__()
        self.state_dict = None


class Lazy(Sound):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(2)


def nothing():
    return None


def no(*arguments, **keywords):
    raise RuntimeError("no")
"""
#: What a class of ``Sound`` sets, and what is said of it.
SET = {
    **{
        f"{name} = None": f"it has no {name}()"
        for name in ("state_dict", "load_state_dict", "named_parameters", "modules", "train", "eval", "to")
    },
    "named_modules = parameters = None": "it has no parameters() and no named_modules()",
    "modules = 3": "it has no modules()",
    "forward = None": "has no forward()",
    "__call__ = None": "__call__ is None, not a method",
    "children = None": "children is None, not a method",
    "zero_grad = None": "zero_grad is None, not a method",
    "inference_step = 3": "inference_step is 3, not a method",
    "attach = 'x'": "attach is x, not a method",
    "training_step = None": "has no training_step",
    "configure_optimizers = None": "has no configure_optimizers",
    "configure_optimizers = lambda self: 3": "returns int, not an optimizer",
    "configure_optimizers = no": "configure_optimizers() failed: RuntimeError: no",
    "parameters = lambda self, recurse=True: iter([])": "optimizer got an empty parameter list",
    "state_dict = lambda self: None": "returns NoneType, not a mapping of tensors",
    "state_dict = lambda self: {'a': 3}": "'a' in Mine.state_dict() is int, not a tensor",
    "state_dict = no": "state_dict() failed: RuntimeError: no",
    "load_state_dict = no": "load_state_dict() does not take what state_dict() returned: RuntimeError: no",
}
OTHERS = {
    "Silent": "has no forward()",
    "Logged": "has no forward()",
    "Unconfigured": "has no configure_optimizers",
    "Late": "it has no state_dict()",
    "Lazy": "'layer.weight' in Lazy.state_dict() is not known before the first batch",
    "nothing": "NoneType is not a learner: it has no parameters()",
}
WORDS = ("data=moons", "data.n_samples=60", "budget=4", "initial_size=2", "query_size=2", "training.max_epochs=1")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "checked_learners.py"


@pytest.mark.parametrize("case", [*SET, *OTHERS])
def test_what_cannot_be_used_is_refused_before_a_label(case: str, alrun: Alrun, trusted: Path) -> None:
    name, needle = (case, OTHERS[case]) if case in OTHERS else ("Mine", SET[case])
    trusted.write_text(f"{MODULE}\n\nclass Mine(Sound):\n    {case if case in SET else 'pass'}\n")
    words = ("--trust", "checked_learners", f"learner._target_=checked_learners.{name}", *WORDS)
    before = contents(trusted.parent)
    said, told = alrun("validate", *words), alrun(*words)
    assert (said.code, told.code) == (2, 2), (said, told)
    assert said.err == told.err
    assert needle in said.err
    assert said.err.startswith("error: 1 problem\n")
    assert "    → " in said.err
    assert contents(trusted.parent) - before <= {"__pycache__", "__pycache__/checked_learners.cpython-311.pyc"}


@pytest.mark.parametrize("line", ["inference_step = None", "validation_step = None", "representative = None"])
def test_an_optional_method_that_is_none_is_not_there(line: str, alrun: Alrun, trusted: Path) -> None:
    trusted.write_text(f"{MODULE}\n\nclass Mine(Sound):\n    {line}\n")
    words = ("--trust", "checked_learners", "learner._target_=checked_learners.Mine", *WORDS, "progress=false")
    assert alrun("validate", *words).code == 0
    assert alrun(*words).code == 0
