"""State that a commit does not hold: a run that goes on says so, rather than go on otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.cold_start.random import Random
from alrun.core.errors import StrategyError
from alrun.core.types import TaskSpec
from alrun.driver.component_state import lost_keys
from alrun.learner.mlp import MLP
from alrun.query.entropy import Entropy
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted


class Counting(MLP):
    """Counts its training steps in a plain attribute."""

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec, partial(torch.optim.Adam, lr=0.01), hidden=(8,), dropout=0.2)
        self.count = 0.0

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1.0
        return super().training_step(*args, **kwargs)


class Predicting(Counting):
    """Predicts by what it has counted."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.count * x[:, :1]


class Training(Counting):
    """Trains by what it has counted."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + (self.count * x[:, :1] if self.training else 0.0)


class Silent(Counting):
    """Answers in training mode while it is trained, and not otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not torch.is_grad_enabled():
            raise RuntimeError("nothing is trained")
        return super().forward(x)


class Keeping(Predicting):
    """Predicts by what it has counted, and keeps it with its weights."""

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.count)

    def set_extra_state(self, state: Tensor) -> None:
        self.count = float(state)


class Refused(Predicting):
    """Keeps what cannot be stored."""

    def get_extra_state(self) -> Any:
        return {"count": self.count}


class Rotating(Entropy):
    """Has a state; what it takes back is up to ``kept``."""

    def __init__(self, kept: tuple[str, ...]) -> None:
        super().__init__(10)
        self.kept, self.calls, self.seen = kept, 0, torch.zeros(2)

    def sample(self, *args: Any, **kwargs: Any) -> None:
        self.calls, self.seen = self.calls + 1, self.seen + 1
        super().sample(*args, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        return {"calls": self.calls, "seen": self.seen, "nothing": float("nan")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name in self.kept:
            setattr(self, name, state[name])


def weights_after(directory: Path, *stops: int, learner: Any = None, query: Any = Entropy) -> dict[str, Tensor]:
    """Run to each of ``stops`` in turn, in sessions of their own, and return the weights."""
    for stop in stops:
        parts: dict[str, Any] = {"learner": learner, "cold_start": Random(20), "query": [query(10)]}
        with hosted(directory, cold=True, stopping=[Steps(stop)], **parts) as driver:
            driver.run()
            weights = dict(driver.learner.state_dict())
    return weights


@pytest.mark.parametrize(
    ("learner", "message"), [(Predicting, "step 1 restored, predicts"), (Training, "training mode")]
)
def test_a_learner_with_hidden_state_is_refused(learner: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=f"{message}(.|\n)*get_extra_state"):
        weights_after(tmp_path / "run", 1, 2, learner=learner)


def test_state_that_is_kept_with_the_weights_comes_back(tmp_path: Path) -> None:
    whole = weights_after(tmp_path / "whole", 2, learner=Keeping)
    parts = weights_after(tmp_path / "parts", 1, 2, learner=Keeping)
    assert float(whole["_extra_state"]) > 0
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_a_learner_that_gives_no_outputs_in_training_mode_goes_on(tmp_path: Path) -> None:
    whole = weights_after(tmp_path / "whole", 2, learner=Silent)
    parts = weights_after(tmp_path / "parts", 1, 2, learner=Silent)
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_state_that_cannot_be_stored_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"'_extra_state' in state_dict\(\) of Refused is a dict"):
        weights_after(tmp_path / "run", 1, learner=Refused)


def test_a_strategy_takes_back_what_it_gave(tmp_path: Path) -> None:
    weights_after(tmp_path / "kept", 2, 3, query=lambda _: Rotating(("calls", "seen")))
    for kept in ((), ("seen",), ("calls",)):
        with pytest.raises(StrategyError, match=f"does not bring back.*{'seen' if kept == ('calls',) else 'calls'}"):
            weights_after(tmp_path / f"lost {kept}", 2, 3, query=partial(lambda kept, _: Rotating(kept), kept))


@pytest.mark.parametrize(
    ("saved", "found", "is_same"),
    [
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]), True),
        (torch.tensor([float("nan")]), torch.tensor([1.0]), False),
        (torch.tensor([1.0]), torch.tensor([float("nan")]), False),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), False),
        (torch.tensor([1, 2]), torch.tensor([[1, 2]]), False),
        (torch.tensor([1, 2]), [1, 2], False),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.float64(2), np.float64(2), True),
        ({"a": (1, [2.0])}, {"a": (1, [2.0])}, True),
        ({"a": (1, [2.0])}, {"a": (1, [3.0])}, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (1.0, float("nan"), False),
    ],
)
def test_what_counts_as_the_same_state(saved: Any, found: Any, is_same: bool) -> None:
    component = SimpleNamespace(state_dict=lambda: {"key": found})
    assert (lost_keys(component, {"key": saved}) == "") is is_same
