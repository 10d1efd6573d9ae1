"""The small pieces of the training loops, each against its definition."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from training_bench import Learner, Loader, adam  # type: ignore[import-not-found]

from alrun.config.paths import conf_dir
from alrun.config.signatures import INJECTED
from alrun.core.errors import ConfigError, StrategyError
from alrun.training.fabric import FabricLoop
from alrun.training.meter import LossMeter, batch_size
from alrun.training.monitor import Monitor, Watch
from alrun.training.schedule import Schedule
from alrun.training.state import plain

CONF = conf_dir() / "training"


@pytest.mark.parametrize("option", ["fabric", "trainer"])
def test_options_name_every_setting(option: str) -> None:
    config: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{option}.yaml"))
    loop = instantiate(config["loop"])
    assert set(config["loop"]) - {"_target_"} == set(inspect.signature(type(loop)).parameters) - INJECTED
    assert set(config) == {"loop"}  # all else has its default in core/settings.py
    assert loop.monitor is None


def test_importing_the_loops_loads_no_torch() -> None:
    code = "import sys, alrun.training.fabric, alrun.training.trainer; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_fabric_refuses_what_it_never_logs() -> None:
    with pytest.raises(ConfigError, match=r"training\.loop\.monitor=val_loss"):
        FabricLoop(monitor="val_los")
    model = Learner()
    with pytest.raises(ConfigError, match=r"no validation data"):
        FabricLoop(monitor="val_loss")(model, adam(model), Loader(), max_epochs=1)


def test_fabric_needs_an_optimizer_for_a_loss() -> None:
    with pytest.raises(StrategyError, match=r"no optimizer"):
        FabricLoop()(Learner(), None, Loader(), max_epochs=1)
    with pytest.raises(StrategyError, match=r"no training_step"):
        FabricLoop()(nn.Linear(6, 3), None, Loader(), max_epochs=1)


def test_fabric_accepts_logging_learners() -> None:
    class Logs(Learner):
        def training_step(self, batch: Any, batch_idx: int = 0) -> Any:
            loss = super().training_step(batch)
            self.log("train_loss", loss, prog_bar=True)
            return {"loss": loss}

    model = Logs()
    before = model.net[0].weight.clone()
    FabricLoop()(model, adam(model), Loader(), max_epochs=1)
    assert not torch.equal(before, model.net[0].weight)


@pytest.mark.parametrize(("mode", "best"), [("min", 1.0), ("max", 5.0)])
def test_watch_counts_epochs_without_improvement(mode: str, best: float) -> None:
    watch, model = Watch(Monitor("m", mode, patience=2, min_delta=0.5)), nn.Linear(1, 1)
    worse = 1.6 if mode == "min" else 4.4
    for value in (worse, best, best - 0.4, float("nan")):
        assert not watch.exhausted
        watch.update({"m": value}, model)
    assert (watch.best, watch.bad_epochs, watch.exhausted) == (best, 2, True)
    again = Watch(watch.monitor)
    again.load_state_dict(watch.state_dict())
    assert again.exhausted
    assert again.weights is None


def test_meter_and_batch_size() -> None:
    meter = LossMeter()
    assert meter.mean() is None
    meter.add(torch.tensor(1.0, requires_grad=True), 3)
    meter.add(5.0, 1)
    meter.add("ignored", 10)
    assert meter.mean() == 2.0
    assert batch_size({"x": (torch.zeros(7, 2), 1)}) == 7
    assert batch_size(torch.tensor(1.0)) == batch_size([]) == batch_size("text") == 1


def test_schedule_by_frequency() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    schedule = Schedule({"scheduler": scheduler, "frequency": 2}, Monitor())
    optimizer.step()
    rates = []
    for epoch in range(4):
        schedule.after_epoch(epoch, {})
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 0.5, 0.5, 0.25]
    with pytest.raises(ConfigError, match=r"did you mean interval\?"):
        Schedule({"scheduler": scheduler, "intervall": "step"}, Monitor())
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ConfigError, match=r"goes by epochs"):
        Schedule({"scheduler": plateau, "interval": "step"}, Monitor())


def test_plain_state() -> None:
    tensor = torch.ones(2, requires_grad=True)
    state = plain({0: (0.9, None), "milestones": Counter({3: 1}), "tensor": tensor, "rule": max})
    assert state.pop("tensor").requires_grad is False
    assert state == {0: [0.9, None], "milestones": {3: 1}}
    assert type(state["milestones"]) is dict
    with pytest.raises(StrategyError, match=r"state\.a\.b: a object"):
        plain({"a": {"b": object()}})
