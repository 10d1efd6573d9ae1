"""What both loops refuse, and what they leave as it was."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from training_bench import (  # type: ignore[import-not-found]
    Batch,
    Learner,
    Loader,
    Session,
    adam,
    cross_entropy,
)

from alrun.core.errors import ConfigError, StrategyError
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

Loop = Callable[..., Any]
both = pytest.mark.parametrize("loop", [FabricLoop, TrainerLoop])


@both
def test_leaves_process_and_learner_as_they_were(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    received: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    level = logging.getLogger("lightning.pytorch").level
    monkeypatch.chdir(tmp_path)
    try:
        handler = signal.getsignal(signal.SIGTERM)
        model, session = Learner(), Session()
        inside: list[Any] = []

        def step(model: nn.Module, batch: Batch) -> Any:
            inside.append(signal.getsignal(signal.SIGTERM))
            if not received:
                signal.raise_signal(signal.SIGTERM)
            return cross_entropy(model, batch)

        before = dict(model.__dict__)
        loop()(model, adam(model), Loader(), Loader(10), train_step_fn=step, max_epochs=2, session=session)
        assert set(inside) == {handler}
        assert signal.getsignal(signal.SIGTERM) is handler
        assert received == [signal.SIGTERM]
        assert len(session.metrics) == 2
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert {key: model.__dict__.get(key) for key in before if key[0] != "_"} == {
        k: v for k, v in before.items() if k[0] != "_"
    }
    assert not {"training_step", "validation_step", "configure_optimizers"} & set(model.__dict__)
    assert model._trainer is None
    assert model.fabric is None
    assert model.automatic_optimization
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("lightning.pytorch").level == level


@both
def test_other_errors_pass_unchanged(loop: Loop) -> None:
    def step(model: nn.Module, batch: Batch) -> Any:
        raise KeyboardInterrupt

    model = Learner()
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop()(model, adam(model), Loader(), train_step_fn=step, max_epochs=1)
    assert signal.getsignal(signal.SIGINT) is handler
    assert model._trainer is None
    with pytest.raises(StrategyError, match="no batches"):
        loop()(model, adam(model), [], max_epochs=1)


@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_epochs": 1, "max_train_steps": 1}, "exclude each other"),
        ({}, "neither"),
        ({"max_epochs": -1}, "training.max_epochs: -1 is negative"),
    ],
)
def test_refuses_contradicting_limits(loop: Loop, arguments: dict[str, int], message: str) -> None:
    model = Learner()
    with pytest.raises(ConfigError, match=message):
        loop()(model, adam(model), Loader(), **arguments)


@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "mim"}, "training.loop.mode=min"),
        ({"patience": 0}, "training.loop.patience"),
        ({"min_delta": -1.0}, "training.loop.min_delta"),
        ({"precision": "bf16-mix"}, "training.loop.precision=bf16-mixed"),
        ({"gradient_clip_val": 0.0}, "training.loop.gradient_clip_val"),
        ({"gradient_clip_algorithm": "nrm"}, "training.loop.gradient_clip_algorithm=norm"),
    ],
)
def test_refuses_bad_settings(loop: Loop, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loop(**arguments)


def test_refuses_several_devices() -> None:
    model = Learner()
    with pytest.raises(ConfigError, match=r"training\.loop\.devices=1"):
        FabricLoop(accelerator="cpu", devices=2)(model, adam(model), Loader(), max_epochs=1)
